from setuptools import setup
setup(name="dateutilz", version="2.9", packages=["dateutilz"])
