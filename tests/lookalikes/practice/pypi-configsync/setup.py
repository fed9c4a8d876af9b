from setuptools import setup
setup(name="configsync", version="4.0", packages=["configsync"])
