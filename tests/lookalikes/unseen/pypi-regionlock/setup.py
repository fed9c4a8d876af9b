from setuptools import setup
setup(name="regionlock", version="5.1", packages=["regionlock"], install_requires=["aiohttp"])
