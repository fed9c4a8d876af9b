"""Compressed bytes read as a stream that stops itself: at a total, at an absurd ratio, at damage."""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import Protocol

RATIO_LIMIT = 200
RATIO_FROM = 24 * 1024 * 1024
XZ_MEMORY = 128 * 1024 * 1024
_CHUNK = 256 * 1024

MAGICS = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}


class TooMuch(ValueError):
    """The stream unpacks to more than it may, or to so many times its size that it can only be a bomb."""


class Damaged(ValueError):
    """The stream is cut short or is not what its first bytes say."""


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def compression(head: bytes) -> str | None:
    """`gzip`, `bzip2` or `xz` by the first bytes; None for anything else."""
    return next((kind for magic, kind in MAGICS.items() if head.startswith(magic)), None)


class Inflated:
    """A forward-only reader over compressed `data`; concatenated streams (as in Alpine packages) read as one.

    `read` raises TooMuch past `limit` bytes or when more than 24 MiB came out at over 200 times what went in, and
    Damaged on broken input. Nothing is ever held but one chunk and what the caller asked for.
    """

    def __init__(self, data: bytes, kind: str, limit: int) -> None:
        self._data = memoryview(data)
        self._kind = kind
        self._limit = limit
        self._at = 0
        self._out = bytearray()
        self._produced = 0
        self._stream = _stream(kind)

    def read(self, size: int) -> bytes:
        """At most `size` bytes, fewer only at the end."""
        while len(self._out) < size and self._more():
            pass
        taken = bytes(self._out[:size])
        del self._out[:size]
        return taken

    def _more(self) -> bool:
        """Unpack one more chunk into the buffer; False at the end."""
        if self._stream.eof:
            rest = self._stream.unused_data
            self._at -= len(rest)
            if compression(bytes(self._data[self._at : self._at + 6])) != self._kind:
                return False
            self._stream = _stream(self._kind)
        fed = bytes(self._data[self._at : self._at + _CHUNK]) if self._hungry() else b""
        if self._hungry() and not fed:
            raise Damaged("cut short")
        self._at += len(fed)
        try:
            out = self._stream.decompress(fed, _CHUNK * 4)
        except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
            raise Damaged(f"not valid {self._kind}") from error
        self._count(len(out))
        self._out += out
        return True

    def _hungry(self) -> bool:
        return bool(getattr(self._stream, "needs_input", True))

    def _count(self, fresh: int) -> None:
        self._produced += fresh
        if self._produced > self._limit:
            raise TooMuch(f"more than {self._limit} bytes")
        if self._produced > RATIO_FROM and self._produced > RATIO_LIMIT * max(self._at, 1):
            raise TooMuch(f"{self._produced // max(self._at, 1)} times its size")


class _Gzip:
    """zlib's decompressor with the face of bz2's and lzma's: input kept until it is used up."""

    def __init__(self) -> None:
        self._z = zlib.decompressobj(31)

    @property
    def eof(self) -> bool:
        return self._z.eof

    @property
    def unused_data(self) -> bytes:
        return self._z.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._z.unconsumed_tail

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        return self._z.decompress(self._z.unconsumed_tail + data, max_length)


def _stream(kind: str) -> _Decompressor:
    if kind == "gzip":
        return _Gzip()
    if kind == "bzip2":
        return bz2.BZ2Decompressor()
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)
