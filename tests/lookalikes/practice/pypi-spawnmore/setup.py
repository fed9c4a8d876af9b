from setuptools import setup
setup(name="spawnmore", version="0.1", packages=["spawnmore"])
