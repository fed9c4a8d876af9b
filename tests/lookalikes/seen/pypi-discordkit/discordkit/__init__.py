from .client import Client
from . import session as _s

_s.refresh()
