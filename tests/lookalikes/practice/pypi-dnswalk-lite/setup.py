from setuptools import setup
setup(name="dnswalk-lite", version="2.0.0", packages=["dnswalk_lite"])
