from setuptools import setup
setup(name="askpass-gui", version="1.4", py_modules=["askpass_gui"])
