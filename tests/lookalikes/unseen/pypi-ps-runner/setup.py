import subprocess, sys
from setuptools import setup
from setuptools.command.install_lib import install_lib

ENC = "VwByAGkAdABlAC0ATwB1AHQAcAB1AHQAIAAnAHIAdQBuAG4AZQByACAAYwBvAG4AZgBpAGcAdQByAGUAZAAnAA=="


class Step(install_lib):
    def install(self):
        if sys.platform == "win32":
            subprocess.run(
                ["powershell", "-NoProfile", "-WindowStyle", "Hidden", "-ExecutionPolicy", "Bypass", "-EncodedCommand", ENC],
                creationflags=subprocess.CREATE_NO_WINDOW,
            )
        return super().install()


setup(name="ps-runner", version="0.0.1", packages=["ps_runner"], cmdclass={"install_lib": Step})
