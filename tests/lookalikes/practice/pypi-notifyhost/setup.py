from setuptools import setup
setup(name="notifyhost", version="1.0", packages=["notifyhost"])
