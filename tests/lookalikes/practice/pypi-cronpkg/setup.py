from setuptools import setup
setup(name="cronpkg", version="0.4", packages=["cronpkg"], install_requires=["python-crontab"])
