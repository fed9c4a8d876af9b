from setuptools import setup
setup(name="winrat", version="1", packages=["winrat"])
