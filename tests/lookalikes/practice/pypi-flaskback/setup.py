from setuptools import setup
setup(name="flaskback", version="0.5.1", packages=["flaskback"], install_requires=["flask"])
