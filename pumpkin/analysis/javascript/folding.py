"""JavaScript's constants computed without running anything: strings, decoding and arithmetic, all bounded."""

from __future__ import annotations

import base64
import binascii
import re
import urllib.parse
import zlib
from collections.abc import Callable

from tree_sitter import Node

from pumpkin.analysis.flow import Value

SIZE_LIMIT = 1024 * 1024
Constant = str | bytes | int | None

_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([0-7]{1,3})|(.))", re.DOTALL)
_PLAIN = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "\n": ""}


def text_of(node: Node) -> str:
    """The source of a node; bytes that are no UTF-8 are replaced."""
    return (node.text or b"").decode("utf-8", "replace")


def first_of(node: Node) -> Node | None:
    """The first named child; None when there is none."""
    return node.named_child(0) if node.named_child_count else None


def unescaped(text: str) -> str:
    """A string literal's content with its escapes resolved."""
    return _ESCAPE.sub(_escape, text) if "\\" in text else text


def _escape(match: re.Match[str]) -> str:
    braces, four, two, octal, plain = match.groups()
    code = braces or four or two
    if code:
        number = int(code, 16)
        return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else "\ufffd"
    return chr(int(octal, 8)) if octal else _PLAIN.get(plain, plain)


def number(text: str) -> int | None:
    """An integer literal; None for fractions and the rest."""
    try:
        return int(text.rstrip("n").replace("_", ""), 0)
    except ValueError:
        return None


def decoded(text: Constant, encoding: str) -> bytes | None:
    """What `Buffer.from(text, encoding)` holds."""
    try:
        if isinstance(text, bytes):
            return text
        if not isinstance(text, str) or len(text) > SIZE_LIMIT:
            return None
        if encoding in ("base64", "base64url"):
            plain = re.sub(r"[^A-Za-z0-9+/]", "", text.replace("-", "+").replace("_", "/"))
            return base64.b64decode(plain + "=" * (-len(plain) % 4))
        if encoding == "hex":
            return binascii.unhexlify(text[: len(text) // 2 * 2])
        return text.encode("utf-8", "replace")
    except (ValueError, binascii.Error):
        return None


def encoded(data: bytes, encoding: str) -> str:
    """What `buffer.toString(encoding)` gives."""
    if encoding == "hex":
        return data.hex()
    if encoding == "base64":
        return base64.b64encode(data).decode()
    return data.decode("latin-1" if encoding in ("latin1", "binary", "ascii") else "utf-8", "replace")


def inflated(data: bytes, wbits: int) -> bytes | None:
    try:
        return zlib.decompressobj(wbits).decompress(data, SIZE_LIMIT)
    except zlib.error:
        return None


def based(number: int, radix: int) -> str:
    """`number.toString(radix)`."""
    digits = ""
    rest = abs(number)
    while rest:
        rest, digit = divmod(rest, radix)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return ("-" if number < 0 else "") + (digits or "0")


def _slice(text: str, *bounds: int) -> str:
    return text[slice(*bounds[:2])]


def _substring(text: str, start: int = 0, stop: int | None = None) -> str:
    low, high = sorted((max(start, 0), max(len(text) if stop is None else stop, 0)))
    return text[low:high]


METHODS: dict[str, Callable[..., Constant]] = {
    "toString": lambda s, *_: s,
    "valueOf": lambda s: s,
    "trim": lambda s: s.strip(),
    "toLowerCase": lambda s: s.lower(),
    "toUpperCase": lambda s: s.upper(),
    "slice": _slice,
    "substring": _substring,
    "substr": lambda s, start=0, size=None: s[start:][:size],
    "charAt": lambda s, place=0: s[place : place + 1],
    "at": lambda s, place=0: s[place],
    "charCodeAt": lambda s, place=0: ord(s[place]),
    "codePointAt": lambda s, place=0: ord(s[place]),
    "concat": lambda s, *more: s + "".join(str(part) for part in more),
    "repeat": lambda s, times: s * times if len(s) * times <= SIZE_LIMIT else None,
    "replace": lambda s, old, new: s.replace(old, new, 1),
    "replaceAll": lambda s, old, new: s.replace(old, new) if len(s) < 100_000 else None,
}


def method(receiver: str, name: str, constants: list[Constant]) -> Constant:
    """The constant a string method makes of a constant receiver."""
    if name not in METHODS or any(constant is None for constant in constants):
        return None
    try:
        return METHODS[name](receiver, *constants)
    except (TypeError, ValueError, IndexError, AttributeError, OverflowError, MemoryError):
        return None


def unquoted(text: Constant) -> str | None:
    return urllib.parse.unquote(text) if isinstance(text, str) and len(text) < SIZE_LIMIT else None


def operated(operator: str, left: Value, right: Value) -> Constant:
    """Both constants under `+`, `^` and the other operators, as far as the result stays small."""
    a, b = left.const, right.const
    if isinstance(a, int) and isinstance(b, int):
        return _arithmetic(operator, a, b)
    if operator == "+" and isinstance(a, str | int) and isinstance(b, str | int):
        return f"{a}{b}" if len(str(a)) + len(str(b)) <= SIZE_LIMIT else None
    return None


def _arithmetic(operator: str, a: int, b: int) -> int | None:
    if max(abs(a), abs(b)) > 1 << 53:
        return None
    match operator:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "^":
            return a ^ b
        case "&":
            return a & b
        case "|":
            return a | b
        case "%" if b:
            return a % b
        case "/" if b and a % b == 0:
            return a // b
        case "<<" if 0 <= b < 32:
            return a << b
        case ">>" | ">>>" if 0 <= b < 32:
            return a >> b
    return None
