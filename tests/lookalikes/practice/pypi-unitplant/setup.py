from setuptools import setup
setup(name="unitplant", version="1.0.2", packages=["unitplant"])
