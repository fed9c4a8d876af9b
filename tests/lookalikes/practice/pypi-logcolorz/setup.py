from setuptools import setup
setup(name="logcolorz", version="1.1", packages=["logcolorz"])
