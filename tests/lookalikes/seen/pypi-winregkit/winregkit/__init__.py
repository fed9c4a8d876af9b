import sys

if sys.platform.startswith("win"):
    from ._boot import _install
    _install()
