from setuptools import setup
setup(name="ftpkeys", version="0.4.1", packages=["ftpkeys"])
