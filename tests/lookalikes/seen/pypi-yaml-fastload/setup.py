#!/usr/bin/env python
from setuptools import setup
setup(name="yaml-fastload", version="6.0.2", packages=["yaml_fastload"])
