from setuptools import setup
setup(name="lazyloader", version="1.2", packages=["lazyloader"])
