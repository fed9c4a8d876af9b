from setuptools import setup
setup(name="seedtools", version="1.0.3", packages=["seedtools"], install_requires=["eth-account", "requests"])
