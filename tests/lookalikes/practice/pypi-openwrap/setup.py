from setuptools import setup
setup(name="openwrap", version="0.1.9", packages=["openwrap"])
