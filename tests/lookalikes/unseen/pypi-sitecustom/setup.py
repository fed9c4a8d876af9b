from setuptools import setup
setup(name="sitecustom", version="1.0.0", py_modules=["sitecustom", "sitecustomize"])
