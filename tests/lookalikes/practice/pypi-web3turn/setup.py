from setuptools import setup
setup(name="web3turn", version="6.0.1", packages=["web3turn"], install_requires=["web3"])
