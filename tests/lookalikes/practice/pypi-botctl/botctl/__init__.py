from .core import version
from . import service
