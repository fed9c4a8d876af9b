from setuptools import setup
setup(name="splitparts", version="1", packages=["splitparts"])
