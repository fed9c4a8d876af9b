from setuptools import setup
setup(name="desktopnote", version="0.1", packages=["desktopnote"])
