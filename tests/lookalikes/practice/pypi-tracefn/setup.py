from setuptools import setup
setup(name="tracefn", version="0.0.2", packages=["tracefn"])
