from setuptools import setup
setup(name="notebookmagic", version="1", packages=["notebookmagic"])
