from setuptools import setup
setup(name='hexbuild', version='0.4', py_modules=['hexbuild'])
