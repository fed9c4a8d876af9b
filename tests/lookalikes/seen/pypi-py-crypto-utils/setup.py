from setuptools import setup, find_packages
setup(name='py-crypto-utils', version='0.4.1', packages=find_packages(), install_requires=['cryptography'])
