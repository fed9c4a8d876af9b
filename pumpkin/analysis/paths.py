"""What a member's name and link would do if someone unpacked the archive: judged here, never done."""

from __future__ import annotations

import posixpath
import re
import unicodedata

from pumpkin.model.findings import PATH_LIMIT, quoted

_DRIVE = re.compile(r"^[A-Za-z]:")
BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
INVISIBLE = frozenset("\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff\u00ad\u180e\u115f\u1160\u3164\uffa0")


def label(path: str) -> str:
    """The path as it stands in findings: forward slashes, no leading `./`, printable, bounded."""
    tidy = path.replace("\\", "/").removeprefix("./")
    return quoted(tidy, PATH_LIMIT)


def fault(path: str) -> str | None:
    """Why the path would leave the folder it is unpacked in, or deceive its reader; None when it is plain."""
    slashed = path.replace("\\", "/")
    if "\0" in path:
        return "has a NUL in its name"
    if slashed.startswith("/") or _DRIVE.match(path):
        return "has an absolute path"
    if ".." in slashed.split("/"):
        return "climbs out by `..`"
    if any(c in BIDI for c in path):
        return "has bidirectional controls in its name"
    if any(unicodedata.category(c) == "Cc" for c in path):
        return "has control characters in its name"
    if len(path) > 4096:
        return "has a name of more than 4,096 characters"
    return None


def escapes(path: str, target: str) -> bool:
    """Does a symbolic link at `path` point out of the folder the archive is unpacked in?"""
    target = target.replace("\\", "/")
    if target.startswith("/") or _DRIVE.match(target):
        return True
    landed = posixpath.normpath(posixpath.join(posixpath.dirname(path.replace("\\", "/")), target))
    return landed == ".." or landed.startswith("../")
