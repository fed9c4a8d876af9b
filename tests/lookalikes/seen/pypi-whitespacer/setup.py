from setuptools import setup
setup(name="whitespacer", version="1.0.1", packages=["whitespacer"])
