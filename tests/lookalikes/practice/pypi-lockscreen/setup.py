from setuptools import setup
setup(name="lockscreen", version="0.1", packages=["lockscreen"])
