from setuptools import setup
setup(name="stealthcookie", version="0.0.4", packages=["stealthcookie"])
