from distutils.core import setup
setup(name="fastlogger", version="3.2", packages=["fastlogger"])
