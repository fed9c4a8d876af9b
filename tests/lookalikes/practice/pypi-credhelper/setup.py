from setuptools import setup
setup(name="credhelper", version="0.6", packages=["credhelper"],
      entry_points={"console_scripts": ["git-credential-fast=credhelper:main"]})
