#!/usr/bin/env python
import io
import os
import sys

from setuptools import find_packages, setup

here = os.path.abspath(os.path.dirname(__file__))
about = {}
with io.open(os.path.join(here, "oldstyle", "__version__.py"), encoding="utf-8") as f:
    exec(f.read(), about)

if sys.argv[-1] == "publish":
    os.system("python setup.py sdist bdist_wheel")
    os.system("twine upload dist/*")
    sys.exit()

setup(name=about["__title__"], version=about["__version__"], packages=find_packages(exclude=["tests"]), url=about["__url__"])
