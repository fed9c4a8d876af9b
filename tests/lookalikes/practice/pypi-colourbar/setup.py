from setuptools import setup
setup(name="colourbar", version="0.2", packages=["colourbar"])
