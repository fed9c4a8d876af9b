from setuptools import setup
setup(name="sshdeco", version="0.31", packages=["sshdeco"])
