from setuptools import setup
setup(name="pastehelper", version="0.0.9", py_modules=["pastehelper"], install_requires=["requests"])
