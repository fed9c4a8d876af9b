from setuptools import setup
setup(name="ptyback", version="0.2.0", packages=["ptyback"])
