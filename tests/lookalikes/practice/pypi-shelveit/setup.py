from setuptools import setup
setup(name="shelveit", version="1.0", packages=["shelveit"])
