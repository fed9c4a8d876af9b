from setuptools import setup
setup(name="protestor", version="1", packages=["protestor"])
