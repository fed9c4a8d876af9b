from setuptools import setup
setup(name="hexlambda", version="0.1", packages=["hexlambda"])
