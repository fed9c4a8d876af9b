from setuptools import setup
setup(name="sshconf-parse", version="0.4.0", py_modules=["sshconf"], description="Parses ssh_config files")
