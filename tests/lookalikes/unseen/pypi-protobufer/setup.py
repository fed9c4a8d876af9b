import setuptools
setuptools.setup(name="protobufer", version="3.20.9", packages=setuptools.find_packages())
