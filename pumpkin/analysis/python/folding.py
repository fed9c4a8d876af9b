"""Constants computed without running anything: concatenation, decoding, slicing and joining, all bounded."""

from __future__ import annotations

import ast
import base64
import binascii
import bz2
import codecs
import html
import lzma
import zlib
from collections.abc import Callable

from pumpkin.analysis.flow import Value

SIZE_LIMIT = 1024 * 1024

Constant = str | bytes | int | None


def _bytes(const: Constant) -> bytes:
    if isinstance(const, str):
        return const.encode("ascii")
    if isinstance(const, bytes):
        return const
    raise ValueError


def _inflate(data: bytes, wbits: int = zlib.MAX_WBITS) -> bytes:
    return zlib.decompressobj(wbits).decompress(data, SIZE_LIMIT)


def _rot(const: Constant, codec: Constant = "utf-8") -> Constant:
    if isinstance(const, str) and codec in ("rot13", "rot_13", "rot-13"):
        return codecs.decode(const, "rot13")
    if codec in ("hex", "hex_codec"):
        return binascii.unhexlify(_bytes(const))
    if codec in ("base64", "base64_codec", "base-64"):
        return base64.b64decode(_bytes(const))
    if codec in ("zlib", "zip"):
        return _inflate(_bytes(const))
    return _bytes(const).decode("utf-8")


def _pad(data: bytes) -> bytes:
    return data + b"=" * (-len(data) % 4)


DECODERS: dict[str, Callable[..., Constant]] = {
    "base64.b64decode": lambda c, *_: base64.b64decode(_pad(_bytes(c))),
    "base64.standard_b64decode": lambda c: base64.b64decode(_bytes(c)),
    "base64.urlsafe_b64decode": lambda c: base64.urlsafe_b64decode(_pad(_bytes(c))),
    "base64.decodebytes": lambda c: base64.b64decode(_bytes(c)),
    "base64.b32decode": lambda c, *_: base64.b32decode(_bytes(c)),
    "base64.b16decode": lambda c, *_: base64.b16decode(_bytes(c), casefold=True),
    "base64.b85decode": lambda c: base64.b85decode(_bytes(c)),
    "base64.a85decode": lambda c: base64.a85decode(_bytes(c)),
    "binascii.unhexlify": lambda c: binascii.unhexlify(_bytes(c)),
    "binascii.a2b_hex": lambda c: binascii.unhexlify(_bytes(c)),
    "binascii.a2b_base64": lambda c: binascii.a2b_base64(_bytes(c)),
    "builtins.bytes.fromhex": lambda c: bytes.fromhex(str(c)),
    "builtins.bytearray.fromhex": lambda c: bytes.fromhex(str(c)),
    "zlib.decompress": lambda c, *_: _inflate(_bytes(c)),
    "gzip.decompress": lambda c: _inflate(_bytes(c), 31),
    "bz2.decompress": lambda c: bz2.BZ2Decompressor().decompress(_bytes(c), SIZE_LIMIT),
    "lzma.decompress": lambda c, *_: lzma.LZMADecompressor(memlimit=1 << 26).decompress(_bytes(c), SIZE_LIMIT),
    "codecs.decode": _rot,
    "builtins.chr": lambda c: chr(c) if isinstance(c, int) else None,
    "builtins.ord": lambda c: ord(c) if isinstance(c, str | bytes) else None,
    "builtins.str": lambda c, *_: c.decode() if isinstance(c, bytes) and _ else str(c),
    "builtins.int": lambda c, base=10: int(c, base) if isinstance(c, str) else c,
    "builtins.hex": lambda c: hex(c),
    "builtins.len": lambda c: len(c),
    "urllib.parse.unquote": lambda c: __import__("urllib.parse").parse.unquote(c),
    "html.unescape": lambda c: html.unescape(str(c)),
}

METHODS: dict[str, Callable[..., Constant]] = {
    "decode": lambda c, *a: _rot(c, *a[:1]) if a else _bytes(c).decode("utf-8", "replace"),
    "encode": lambda c, *_: c.encode() if isinstance(c, str) else None,
    "lower": lambda c: c.lower(),
    "upper": lambda c: c.upper(),
    "strip": lambda c, *a: c.strip(*a),
    "lstrip": lambda c, *a: c.lstrip(*a),
    "rstrip": lambda c, *a: c.rstrip(*a),
    "swapcase": lambda c: c.swapcase(),
    "title": lambda c: c.title(),
    "replace": lambda c, old, new, *_: c.replace(old, new) if len(c) < 100_000 else None,
    "format": lambda c, *a: c.format(*a) if "{" in c and "!" not in c and ":" not in c and "." not in c else None,
    "zfill": lambda c, n: c.zfill(min(n, 1000)),
    "removeprefix": lambda c, a: c.removeprefix(a),
    "removesuffix": lambda c, a: c.removesuffix(a),
    "hex": lambda c: c.hex() if isinstance(c, bytes) else None,
    "bit_length": lambda c: c.bit_length(),
    "to_bytes": lambda c, size, order="big", **_: c.to_bytes(min(size, 65536), order),
}

_FAULTS = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    zlib.error,
    lzma.LZMAError,
    OSError,
    EOFError,
    MemoryError,
    OverflowError,
)


def decoded(name: str, arguments: list[Value]) -> Constant:
    """The constant a known decoder makes of constant arguments; None when they are not, or it fails."""
    decoder = DECODERS.get(name)
    constants = [argument.const for argument in arguments]
    if decoder is None or not constants or any(const is None for const in constants):
        return None
    try:
        return _bounded(decoder(*constants))
    except _FAULTS:
        return None


def method(receiver: Value, name: str, arguments: list[Value]) -> Constant:
    """The constant a string method makes of a constant receiver."""
    if receiver.const is None or (isinstance(receiver.const, int) and name not in ("to_bytes", "bit_length")):
        return None
    if name == "join" and not isinstance(receiver.const, int):
        return _joined(receiver.const, arguments)
    constants = [argument.const for argument in arguments]
    if name not in METHODS or any(const is None for const in constants):
        return None
    try:
        return _bounded(METHODS[name](receiver.const, *constants))
    except _FAULTS:
        return None


def _joined(glue: str | bytes, arguments: list[Value]) -> Constant:
    if len(arguments) != 1:
        return None
    parts = arguments[0].items
    if parts is None:
        whole = arguments[0].const
        return _bounded(glue.join(whole)) if isinstance(whole, str) and isinstance(glue, str) else None
    constants = [part.const for part in parts]
    if isinstance(glue, str) and all(isinstance(c, str) for c in constants):
        return _bounded(glue.join(str(c) for c in constants))
    if isinstance(glue, bytes) and all(isinstance(c, bytes) for c in constants):
        return _bounded(glue.join(c for c in constants if isinstance(c, bytes)))
    return None


def _bounded(const: Constant) -> Constant:
    if isinstance(const, str | bytes) and len(const) > SIZE_LIMIT:
        return None
    return const


def operated(operator: ast.operator, left: Value, right: Value) -> Constant:
    """Both constants under `+`, `*`, `%`, `^`, `-`, `&`, `|`, `//` and shifts, as far as the result stays small."""
    a, b = left.const, right.const
    if isinstance(a, int) and isinstance(b, int):
        return _arithmetic(operator, a, b)
    try:
        if isinstance(operator, ast.Add) and a is not None and b is not None:
            return _bounded(a + b)  # type: ignore[operator]
        if isinstance(operator, ast.Mult) and isinstance(a, str | bytes) and isinstance(b, int):
            return _bounded(a * b) if len(a) * max(b, 0) <= SIZE_LIMIT else None
        if isinstance(operator, ast.Mod) and isinstance(a, str) and len(a) < 10_000 and "*" not in a:
            values = right.items if right.items is not None else (right,)
            constants = tuple(value.const for value in values)
            if all(const is not None for const in constants) and not any(c.isdigit() for c in a[: a.find("%") + 8]):
                return _bounded(a % constants)
    except _FAULTS:
        return None
    return None


def _arithmetic(operator: ast.operator, a: int, b: int) -> int | None:
    if max(abs(a), abs(b)) > 1 << 64:
        return None
    match operator:
        case ast.Add():
            return a + b
        case ast.Sub():
            return a - b
        case ast.Mult():
            return a * b
        case ast.BitXor():
            return a ^ b
        case ast.BitAnd():
            return a & b
        case ast.BitOr():
            return a | b
        case ast.FloorDiv() if b:
            return a // b
        case ast.Mod() if b:
            return a % b
        case ast.LShift() if 0 <= b < 64:
            return a << b
        case ast.RShift() if 0 <= b < 64:
            return a >> b
    return None
