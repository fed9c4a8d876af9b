"""BIP-39 recovery word checks."""
from .core import is_valid, to_entropy

__all__ = ["is_valid", "to_entropy"]
