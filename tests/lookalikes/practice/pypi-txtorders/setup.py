from setuptools import setup
setup(name="txtorders", version="0.7", packages=["txtorders"], install_requires=["dnspython"])
