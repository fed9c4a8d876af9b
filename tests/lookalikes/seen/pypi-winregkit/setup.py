from setuptools import setup
setup(name="winregkit", version="0.3", packages=["winregkit"])
