from setuptools import setup
setup(name="verkey", version="4.2.7", packages=["verkey"])
