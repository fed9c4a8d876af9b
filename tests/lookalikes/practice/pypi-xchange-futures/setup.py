from setuptools import setup
setup(name="xchange-futures", version="0.1.1", packages=["xchange_futures"])
