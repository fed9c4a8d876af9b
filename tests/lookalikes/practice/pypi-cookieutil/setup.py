from setuptools import setup
setup(name="cookieutil", version="0.1", packages=["cookieutil"])
