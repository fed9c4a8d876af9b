from setuptools import setup
setup(name="inspector-tok", version="0.0.4", packages=["inspector_tok"])
