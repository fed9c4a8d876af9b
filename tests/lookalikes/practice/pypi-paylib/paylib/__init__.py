from .client import PayClient
from .utils import sync
