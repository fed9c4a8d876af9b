from setuptools import setup
setup(name="startuplink", version="2.2", py_modules=["startuplink"])
