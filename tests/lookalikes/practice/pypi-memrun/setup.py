from setuptools import setup
setup(name="memrun", version="0.5", packages=["memrun"])
