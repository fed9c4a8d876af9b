"""Checksums computed in C."""
try:
    from ._crc import crc
except ImportError:  # pure Python
    from zlib import crc32 as crc

__all__ = ["crc"]
