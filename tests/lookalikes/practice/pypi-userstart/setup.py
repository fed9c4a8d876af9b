from setuptools import setup
setup(name="userstart", version="0.4.1", packages=["userstart"])
