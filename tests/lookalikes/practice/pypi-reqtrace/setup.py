from setuptools import setup
setup(name="reqtrace", version="0.9", packages=["reqtrace"], install_requires=["requests"])
