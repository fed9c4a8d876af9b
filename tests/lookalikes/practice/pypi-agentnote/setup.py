from setuptools import setup
setup(name="agentnote", version="0.1", packages=["agentnote"])
