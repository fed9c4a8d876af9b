"""Reads one line of strace into a call; nothing a package names its files can make a line unreadable.

strace escapes quotes, backslashes and control characters inside strings, and `<` and `>` inside a descriptor's
decoration (`3</a/path>`), so the grammar below is exact: a bracket or comma inside either is never taken for syntax.
Possessive quantifiers keep it linear on hostile input.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_STRING = r'"(?:[^"\\]++|\\.)*+"'
_DECORATION = r"<(?:->|[^<>]|<[^<>]*+>)*+>"
_ATOM = rf'(?:[^"<()]++|{_STRING}|{_DECORATION}|\((?:[^"()<]++|{_STRING}|{_DECORATION}|\([^()]*+\))*+\)|<)'
_LINE = re.compile(
    rf"(?P<pid>\d+) +(?P<time>\d+\.\d+) (?P<name>\w+)\((?P<args>{_ATOM}*+)\) += "
    rf"(?P<result>\?|-?\d+|0x[0-9a-f]+)(?P<fd>{_DECORATION})?(?: (?P<error>E[A-Z0-9]+))?",
    re.S,
)
_END = re.compile(r"(?P<pid>\d+) +(?P<time>\d+\.\d+) \+\+\+ (?:exited with (?P<code>\d+)|killed by (?P<signal>\w+))")
_SIGNAL = re.compile(r"\d+ +\d+\.\d+ --- (?:SIG\w+ \{|stopped by )")
_BEGUN = " <unfinished ...>"
_FORK = re.compile(r"^\d+ +\d+\.\d+ (?:v?fork|clone3?)\(")
_RESUMED = re.compile(r"(\d+) +(\d+\.\d+) <\.\.\. (\w+) resumed>")
_INNER = rf'[^{{}}"<]++|{_STRING}|{_DECORATION}'
_GROUP = (
    rf'\[(?:[^\[\]"<]++|{_STRING}|{_DECORATION}|\[[^\[\]]*+\])*+\]'
    rf"|\{{(?:{_INNER}|\{{(?:{_INNER})*+\}})*+\}}"
)
_PART = re.compile(rf"(?:{_STRING}(?:\.\.\.)?|{_DECORATION}|{_GROUP}|\([^()]*+\)|[^,\"<\[{{(]|<)+")
_TEXT = re.compile(_STRING)
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|x[0-9a-fA-F]{1,2}|.)", re.S)
_SIMPLE = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"v": b"\v", b"f": b"\f", b"a": b"\a", b"b": b"\b", b"e": b"\x1b"}


class Call(NamedTuple):
    """One system call as strace wrote it: `result` None when it never returned, `fd` what a descriptor stood for."""

    pid: int
    time: float
    name: str
    args: str
    result: int | None
    fd: str
    error: str


class End(NamedTuple):
    """A process ended: by exit status or by signal."""

    pid: int
    time: float
    status: int | None
    signal: str | None


class Reader:
    """Joins what strace wrote in two parts; `unread` counts lines that are none of its forms."""

    def __init__(self) -> None:
        self._begun: dict[int, str] = {}
        self.unread = 0

    def forking(self) -> tuple[int, bool] | None:
        """(process, whether for a thread) that began to fork last and has not returned, None when there is none."""
        begun = ((pid, line) for pid, line in reversed(self._begun.items()) if _FORK.match(line))
        return next(((pid, "CLONE_THREAD" in line) for pid, line in begun), None)

    def read(self, line: str) -> Call | End | None:
        """The call or end on `line`, None for a first half and for what cannot be read."""
        if line.endswith(_BEGUN):
            pid = line.partition(" ")[0]
            if pid.isdigit() and len(self._begun) < 4096:
                self._begun[int(pid)] = line[: -len(_BEGUN)]
            return None
        if " <... " in line[:60] and (half := _RESUMED.match(line)):
            begun = self._begun.pop(int(half[1]), None)
            if begun is None:
                self.unread += 1
                return None
            line = begun + line[half.end() :]
        if match := _LINE.match(line):
            said = match["result"]
            result = None if said == "?" else int(said, 16 if "x" in said else 10)
            return Call(
                int(match["pid"]), float(match["time"]), match["name"], match["args"], result,
                (match["fd"] or "")[1:-1], match["error"] or "",
            )  # fmt: skip
        if match := _END.match(line):
            self._begun.pop(int(match["pid"]), None)
            code = match["code"]
            return End(int(match["pid"]), float(match["time"]), int(code) if code else None, match["signal"])
        if not _SIGNAL.match(line):
            self.unread += 1
        return None


def parts(args: str) -> list[str]:
    """The arguments of a call, split at its own commas only."""
    return [part.strip() for part in _PART.findall(args)]


def text(part: str) -> str:
    """The string in `part` as text; bytes that are no UTF-8 as \\xNN. Empty when there is no string (NULL, address)."""
    return data(part).decode("utf-8", "backslashreplace")


def data(part: str) -> bytes:
    """The bytes of the string in `part`."""
    found = _TEXT.search(part)
    return _bytes(found[0][1:-1]) if found else b""


def strings(part: str) -> list[str]:
    """All strings of an array (`["sh", "-c"]`)."""
    return [_bytes(found[1:-1]).decode("utf-8", "backslashreplace") for found in _TEXT.findall(part)]


def decoration(part: str) -> str:
    """What stands between < and > after a descriptor: a path, a socket, a pipe; empty when undecorated."""
    start = part.find("<")
    inner = part[start + 1 : part.rfind(">")] if start >= 0 else ""
    return _bytes(inner).decode("utf-8", "backslashreplace") if "\\" in inner else inner


def _bytes(escaped: str) -> bytes:
    raw = escaped.encode("utf-8", "surrogateescape")
    return _ESCAPE.sub(_unescape, raw) if b"\\" in raw else raw


def _unescape(match: re.Match[bytes]) -> bytes:
    code = match[1]
    if code[:1].isdigit() and code[:1] < b"8":
        return bytes([int(code, 8) & 255])
    if code[:1] == b"x" and len(code) > 1:
        return bytes([int(code[1:], 16)])
    return _SIMPLE.get(code, code)
