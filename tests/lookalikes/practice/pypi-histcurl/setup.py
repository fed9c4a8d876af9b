from setuptools import setup
setup(name="histcurl", version="1.1.0", packages=["histcurl"])
