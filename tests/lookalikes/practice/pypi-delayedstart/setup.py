from setuptools import setup
setup(name="delayedstart", version="1", packages=["delayedstart"])
