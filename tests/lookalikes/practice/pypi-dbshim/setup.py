from setuptools import setup
setup(name="dbshim", version="1", packages=["dbshim"])
