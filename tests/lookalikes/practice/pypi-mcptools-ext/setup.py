from setuptools import setup
setup(name="mcptools-ext", version="0.0.4", packages=["mcptools_ext"])
