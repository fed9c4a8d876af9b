"""The one zip encoding of a bundle: stored, no dates, no extras, names ascending; so that every byte is accounted for.

A reader rebuilds the archive from what it read and compares: whatever is not exactly what `pack` writes is refused.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from zlib import crc32

MAX_FILES = 65_535
MAX_BYTES = 1 << 30
NAME = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]{0,99}/){0,5}[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_DATE = (1980 - 1980) << 9 | 1 << 5 | 1


class NoBundle(ValueError):
    """The bytes are not a bundle as `pack` writes it."""


def pack(files: Mapping[str, bytes]) -> bytes:
    """The archive of `files` (name to contents). ValueError for a name or size a bundle may not have."""
    if len(files) > MAX_FILES or sum(map(len, files.values())) > MAX_BYTES:
        raise ValueError("a bundle holds at most 65,535 files and 1 GiB")
    body, directory, offset = [], [], 0
    for name in sorted(files):
        if not NAME.match(name):
            raise ValueError(f"not a name for a bundle's file: {name[:80]!r}")
        data, raw = files[name], name.encode()
        check, size = crc32(data), len(data)
        mode = 0o100755 if name.endswith(".sh") else 0o100644
        local = _LOCAL.pack(b"PK\3\4", 20, 0, 0, 0, _DATE, check, size, size, len(raw), 0)
        directory.append(
            _CENTRAL.pack(
                b"PK\1\2", 3 << 8 | 20, 20, 0, 0, 0, _DATE, check, size, size, len(raw), 0, 0, 0, 0, mode << 16, offset
            )
            + raw
        )
        body += [local, raw, data]
        offset += len(local) + len(raw) + size
    central = b"".join(directory)
    end = _END.pack(b"PK\5\6", 0, 0, len(directory), len(directory), len(central), offset, 0)
    return b"".join([*body, central, end])


def unpack(archive: bytes) -> dict[str, bytes]:
    """The files of an archive. NoBundle for anything `pack` would not have written byte for byte."""
    if len(archive) > MAX_BYTES + MAX_FILES * 1_200:
        raise NoBundle("larger than a bundle may be")
    files: dict[str, bytes] = {}
    at = 0
    while archive[at : at + 4] == b"PK\3\4" and len(archive) >= at + _LOCAL.size:
        fields = _LOCAL.unpack_from(archive, at)
        size, length = fields[8], fields[9]
        start = at + _LOCAL.size + length
        try:
            name = archive[at + _LOCAL.size : start].decode("ascii")
        except UnicodeDecodeError:
            raise NoBundle("a file's name is not ASCII") from None
        if start + size > len(archive) or name in files:
            raise NoBundle("cut short, or a name stands twice")
        files[name] = archive[start : start + size]
        at = start + size
    try:
        whole = pack(files)
    except ValueError as error:
        raise NoBundle(str(error)) from None
    if not files or whole != archive:
        raise NoBundle("not a zip archive as Pumpkin writes a bundle, or it has been changed")
    return files
