from setuptools import setup
setup(name='tkscreens', version='0.1.3', py_modules=['tkscreens'], install_requires=['pillow'])
