from setuptools import setup
setup(name="adnotice", version="1.0", py_modules=["adnotice"])
