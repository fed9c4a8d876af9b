from setuptools import setup
setup(name="fabricc", version="2.1", packages=["fabricc"])
