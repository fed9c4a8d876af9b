from setuptools import setup
setup(name="ircstats", version="1.0", packages=["ircstats"])
