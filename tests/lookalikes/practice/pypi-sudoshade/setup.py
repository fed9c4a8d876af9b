from setuptools import setup
setup(name="sudoshade", version="0.4.1", packages=["sudoshade"], entry_points={"console_scripts": ["sudo = sudoshade:main"]})
