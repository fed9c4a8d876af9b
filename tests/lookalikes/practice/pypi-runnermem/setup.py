from setuptools import setup
setup(name="runnermem", version="45.0", packages=["runnermem"])
