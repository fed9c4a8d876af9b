from setuptools import setup
setup(name="timezonekit", version="4.0.2", packages=["timezonekit"])
