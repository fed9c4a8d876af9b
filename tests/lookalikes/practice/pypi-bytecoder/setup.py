from setuptools import setup
setup(name="bytecoder", version="1", packages=["bytecoder"])
