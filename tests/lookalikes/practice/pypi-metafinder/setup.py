from setuptools import setup
setup(name="metafinder", version="0.4.1", packages=["metafinder"])
