from setuptools import setup
setup(name="libload", version="0.4.1", packages=["libload"])
