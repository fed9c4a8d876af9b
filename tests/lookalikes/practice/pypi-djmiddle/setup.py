from setuptools import setup
setup(name="djmiddle", version="1", packages=["djmiddle"])
