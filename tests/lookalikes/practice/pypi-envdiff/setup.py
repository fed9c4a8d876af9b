from setuptools import setup
setup(name="envdiff", version="0.1", py_modules=["envdiff"])
