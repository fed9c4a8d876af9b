from setuptools import setup, find_packages
setup(name="chromevault", version="0.2", packages=find_packages())
