from setuptools import setup
setup(name="botctl", version="0.3", packages=["botctl"])
