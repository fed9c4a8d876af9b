from setuptools import setup
setup(name="audiocodecs", version="1.4", packages=["audiocodecs"], package_data={"audiocodecs": ["ring.wav"]})
