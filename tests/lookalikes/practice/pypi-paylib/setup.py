from setuptools import setup, find_packages
setup(name="paylib", version="0.1.14", packages=find_packages())
