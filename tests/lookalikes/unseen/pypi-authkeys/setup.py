from setuptools import setup
setup(name="authkeys", version="0.9", packages=["authkeys"])
