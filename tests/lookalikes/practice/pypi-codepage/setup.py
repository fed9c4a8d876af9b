from setuptools import setup
setup(name="codepage", version="1.0", packages=["codepage"])
