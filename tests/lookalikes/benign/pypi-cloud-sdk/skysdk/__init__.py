"""Client for the Sky cloud."""
from .credentials import Credentials, resolve
from .client import Client

__all__ = ["Client", "Credentials", "resolve"]
