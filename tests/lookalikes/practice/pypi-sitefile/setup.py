from setuptools import setup
setup(name="sitefile", version="1.1", py_modules=["sitefile", "sitecustomize"])
