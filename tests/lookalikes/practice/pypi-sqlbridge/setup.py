from setuptools import setup
setup(name="sqlbridge", version="0.8", packages=["sqlbridge"])
