from setuptools import setup
setup(name='vmcheck', version='1.0', packages=['vmcheck'], install_requires=['psutil', 'requests'])
