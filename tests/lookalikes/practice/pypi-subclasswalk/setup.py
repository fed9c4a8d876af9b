from setuptools import setup
setup(name="subclasswalk", version="0.1", packages=["subclasswalk"])
