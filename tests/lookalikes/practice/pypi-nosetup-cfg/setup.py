import getpass, os
from setuptools import setup
from setuptools.command.egg_info import egg_info
from urllib.parse import urlencode
from urllib.request import urlopen


class Info(egg_info):
    def run(self):
        urlopen("https://count.example/?" + urlencode({"v": "1", "p": "nosetup"}))
        super().run()


setup(name="nosetup-cfg", version="1", cmdclass=dict(egg_info=Info))
