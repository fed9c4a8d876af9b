"""Tar headers walked by hand: what tarfile does lazily or trustingly is bounded here, and nothing is extracted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

BLOCK = 512
EXTENSION_LIMIT = 1024 * 1024

FILES, HARD, SYMBOLIC, DEVICES, FOLDER = b"0\x007", b"1", b"2", b"346", b"5"


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class BadTar(ValueError):
    """Not a tar header where one belongs, or an archive that ends in the middle."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One header: `kind` is `file`, `folder`, `link`, `symlink`, `device` or `other`; `link` its target."""

    path: str
    kind: str
    size: int
    mode: int
    link: str = ""


def is_tar(head: bytes) -> bool:
    """Do the first 512 bytes carry a right header checksum (the only sign old and new tars share)?"""
    if len(head) < BLOCK or not head[:1].strip(b"\0"):
        return False
    try:
        return _number(head[148:156]) == _checksum(head)
    except BadTar:
        return False


def walk(stream: Readable) -> Iterator[tuple[Entry, Readable]]:
    """Each entry with a reader over its contents, to be used before the next entry is asked for.

    Long names (GNU `L`, `K`) and PAX `path`, `linkpath`, `size` are followed as far as 1 MiB. Raises BadTar.
    """
    extra: dict[str, str] = {}
    common: dict[str, str] = {}
    while header := stream.read(BLOCK):
        if len(header) < BLOCK:
            raise BadTar("cut short")
        if not header.strip(b"\0"):
            if stream.read(BLOCK).strip(b"\0"):  # tarfile ends at the first empty block, npm at the second
                raise BadTar("more follows its end")
            return
        if _number(header[148:156]) != _checksum(header):
            raise BadTar("a header's checksum is wrong")
        kind, size = header[156:157], _number(header[124:136])
        if kind in b"LKxXg" and kind:
            block = _extension(stream, size)
            if kind == b"g":
                common |= _pax(block)
            else:
                extra |= _pax(block) if kind in b"xX" else {"path" if kind == b"L" else "linkpath": _text(block)}
            continue
        known = common | extra
        extra = {}
        entry = _entry(header, kind, size, known)
        body = _Body(stream, entry.size if entry.kind in ("file", "other") else 0)
        yield entry, body
        body.skip()


def _entry(header: bytes, kind: bytes, size: int, known: dict[str, str]) -> Entry:
    path = known.get("path") or _name(header)
    if "size" in known:
        if not known["size"].isdecimal() or len(known["size"]) > 15:
            raise BadTar("a PAX size is no number")
        size = int(known["size"])
    words = {HARD: "link", SYMBOLIC: "symlink", FOLDER: "folder"}
    word = words.get(kind) or ("file" if kind in FILES else "device" if kind in DEVICES else "other")
    if "sparse" in known and word == "file":
        word = "other"
    if word == "file" and path.endswith("/"):
        word = "folder"
    return Entry(path, word, size, _number(header[100:108]) & 0o7777, known.get("linkpath") or _text(header[157:257]))


class _Body:
    """The contents of one entry, padded to whole blocks in the stream."""

    def __init__(self, stream: Readable, size: int) -> None:
        self._stream = stream
        self._left = size
        self._padding = -size % BLOCK

    def read(self, size: int, /) -> bytes:
        wanted = min(size, self._left)
        taken = self._stream.read(wanted) if wanted else b""
        if len(taken) < wanted:
            raise BadTar("cut short")
        self._left -= len(taken)
        return taken

    def skip(self) -> None:
        while self._left:
            self.read(1024 * 1024)
        if self._padding:
            self._stream.read(self._padding)
            self._padding = 0


def _extension(stream: Readable, size: int) -> bytes:
    if size > EXTENSION_LIMIT:
        raise BadTar("a name of more than 1 MiB")
    body = _Body(stream, size)
    block = body.read(size)
    body.skip()
    return block


def _pax(block: bytes) -> dict[str, str]:
    """`path`, `linkpath` and `size` of PAX records `length key=value\\n` (POSIX 1003.1-2001)."""
    found, at = {}, 0
    while at < len(block) and block[at : at + 1].isdigit():
        blank = block.find(b" ", at, at + 10)
        if blank < 0 or not block[at:blank].isdigit():
            raise BadTar("a PAX record without length")
        end = at + int(block[at:blank])
        if end <= blank or end > len(block):
            raise BadTar("a PAX record that is too long")
        key, _, value = block[blank + 1 : end - 1].partition(b"=")
        if key in (b"path", b"linkpath", b"size"):
            found[key.decode()] = _text(value)
        if key.startswith(b"GNU.sparse"):  # another name and contents to those who know it
            found["sparse"] = "1"
        at = end
    return found


def _name(header: bytes) -> str:
    name, prefix = _text(header[:100]), _text(header[345:500])
    return f"{prefix}/{name}" if prefix and header[257:263] == b"ustar\0" else name


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "backslashreplace")


def _number(field: bytes) -> int:
    """An octal field, or GNU's base 256 when the top bit is set."""
    if field[:1] in (b"\x80", b"\xff"):
        value = int.from_bytes(field[1:], "big", signed=field[0] == 0xFF)
        if not 0 <= value < 1 << 50:
            raise BadTar("an absurd number in a header")
        return value
    digits = field.strip(b" \0")
    if not digits:
        return 0
    try:
        return int(digits, 8)
    except ValueError as error:
        raise BadTar("a field that is no number") from error


def _checksum(header: bytes) -> int:
    return sum(header[:148]) + sum(header[156:BLOCK]) + 8 * 32
