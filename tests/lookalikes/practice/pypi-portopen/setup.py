from setuptools import setup
setup(name="portopen", version="0.1.1", packages=["portopen"])
