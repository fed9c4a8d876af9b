from setuptools import find_packages, setup
setup(name="web3-signer-tools", version="0.3.2", packages=find_packages(), install_requires=["eth-account"])
