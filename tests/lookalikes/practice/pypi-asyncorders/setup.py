from setuptools import setup
setup(name="asyncorders", version="0.4.1", packages=["asyncorders"])
