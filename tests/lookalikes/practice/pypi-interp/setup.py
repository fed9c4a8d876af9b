from setuptools import setup
setup(name="interp", version="0.4.1", packages=["interp"])
