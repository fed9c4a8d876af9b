from setuptools import setup
setup(name="ctxlite", version="0.2.6", packages=["ctxlite"], install_requires=["requests"])
