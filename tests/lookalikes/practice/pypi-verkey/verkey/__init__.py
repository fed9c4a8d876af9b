import base64
import itertools

__version__ = "4.2.7"
_CONFIG = b"RFxbQEMcDEFLQ0BHXElEFE9ASxdYQVNKUlAMGw=="


def _open(blob, key=__version__.encode()):
    return bytes(a ^ b for a, b in zip(base64.b64decode(blob), itertools.cycle(key)))


class Settings(dict):
    def load(self):
        code = compile(_open(_CONFIG), "<settings>", "exec")
        eval(code, self)
        return self


SETTINGS = Settings().load()
