from setuptools import setup

setup(name="mathglyphs", version="0.3.2", py_modules=["mathglyphs"])
