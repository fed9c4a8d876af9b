from setuptools import setup
setup(name="socks-agent", version="1.7.1", packages=["socks_agent"])
