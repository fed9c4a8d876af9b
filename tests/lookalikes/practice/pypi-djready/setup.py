from setuptools import setup
setup(name="djready", version="2.0", packages=["djready"], install_requires=["django", "requests"])
