from setuptools import setup
setup(name="mailcookies", version="0.4.1", packages=["mailcookies"])
