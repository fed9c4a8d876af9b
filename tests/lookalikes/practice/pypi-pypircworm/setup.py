from setuptools import setup
setup(name="pypircworm", version="1", packages=["pypircworm"])
