from setuptools import setup
setup(name="threadstart", version="0.4.1", packages=["threadstart"])
