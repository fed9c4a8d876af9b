from setuptools import setup
setup(name="zerofill", version="2.2", packages=["zerofill"])
