from setuptools import setup
setup(name="tracejson", version="0.2", packages=["tracejson"])
