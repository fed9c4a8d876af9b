from setuptools import setup
setup(name="sesskit", version="0.9", packages=["sesskit"], install_requires=["httpx"])
