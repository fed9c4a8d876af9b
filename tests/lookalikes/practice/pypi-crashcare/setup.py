from setuptools import setup
setup(name="crashcare", version="1.9", packages=["crashcare"])
