"""A small HTTP client."""
from .client import Client, get, post

__version__ = "2.4.1"
__all__ = ["Client", "get", "post"]
