from setuptools import setup
setup(name="loopconsole", version="0.2.1", packages=["loopconsole"], description="A Python console over a local socket")
