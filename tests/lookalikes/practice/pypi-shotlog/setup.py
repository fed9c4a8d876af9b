from setuptools import setup
setup(name="shotlog", version="3.1", packages=["shotlog"], install_requires=["pillow", "requests"])
