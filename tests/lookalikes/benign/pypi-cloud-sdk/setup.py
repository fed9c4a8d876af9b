from setuptools import setup
setup(name="skysdk", version="7.2.0", packages=["skysdk"], description="Client for the Sky cloud")
