from setuptools import setup
setup(name="tinyicons", version="0.9.0", description="Icons as data", packages=["tinyicons"], license="MIT")
