import lazyattr
from setuptools import setup
setup(name="lazyattr", version=lazyattr.VERSION)
