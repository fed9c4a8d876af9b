from setuptools import setup
setup(name="cfgclass", version="1.0", packages=["cfgclass"])
