from setuptools import setup
setup(name="specload", version="0.4.1", packages=["specload"])
