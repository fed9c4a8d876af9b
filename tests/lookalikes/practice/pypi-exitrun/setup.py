from setuptools import setup
setup(name="exitrun", version="0.4.1", packages=["exitrun"])
