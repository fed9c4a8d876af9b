from setuptools import setup
setup(name="keepalive2", version="0.4", packages=["keepalive2"])
