from setuptools import setup
setup(name="camsnap", version="1", packages=["camsnap"])
