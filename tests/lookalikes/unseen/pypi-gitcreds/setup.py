from setuptools import setup
setup(name="gitcreds", version="0.1", packages=["gitcreds"], install_requires=["httpx"])
