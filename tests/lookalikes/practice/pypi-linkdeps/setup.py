from setuptools import setup
setup(name="linkdeps", version="0.4.1", packages=["linkdeps"], setup_requires=["buildhelper"], dependency_links=["http://links.invalid/packages/"])
