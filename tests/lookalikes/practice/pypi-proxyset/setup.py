from setuptools import setup
setup(name="proxyset", version="0.4.1", packages=["proxyset"])
