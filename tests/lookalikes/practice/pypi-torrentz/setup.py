from setuptools import setup
setup(name="torrentz", version="2.2", packages=["torrentz"])
