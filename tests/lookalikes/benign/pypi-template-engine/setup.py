import re
from pathlib import Path

from setuptools import setup

version = re.search(r'__version__ = "(.+)"', Path("stencil/__init__.py").read_text())[1]
setup(name="stencil-text", version=version, packages=["stencil"])
