from setuptools import setup
setup(name="asyncleak", version="1", packages=["asyncleak"])
