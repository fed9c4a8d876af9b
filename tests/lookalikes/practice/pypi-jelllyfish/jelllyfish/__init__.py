from .metrics import hamming
from . import cjson
