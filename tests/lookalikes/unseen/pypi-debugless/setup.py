from setuptools import setup
setup(name="debugless", version="0.0.7", packages=["debugless"])
