"""Zip directories read with the checks Python 3.11's zipfile leaves out: overlaps, doubles, size of the directory."""

from __future__ import annotations

import io
import itertools
import lzma
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from pumpkin.analysis.inflate import RATIO_FROM, RATIO_LIMIT

DIRECTORY_LIMIT = 200_000
_LOCAL_HEADER = 30
_LOCAL = b"PK\x03\x04"


class BadZip(ValueError):
    """Not a zip archive that can be read, or one whose directory alone is out of all measure."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One line of the directory: `kind` is `file`, `folder`, `symlink` or `device`."""

    info: zipfile.ZipInfo
    path: str
    kind: str
    encrypted: bool


class Zip:
    """An opened zip.

    `overlaps` and `doubles` name the members that share bytes or a name with another; `declared` is the size of all
    members as the directory gives it (zipfile unpacks no more), `swells` that it is absurd beside the archive's own;
    `hidden` that members lie in it which the directory does not name.
    """

    def __init__(self, data: bytes) -> None:
        if data.count(b"PK\x01\x02") > DIRECTORY_LIMIT:
            raise BadZip(f"its directory has more than {DIRECTORY_LIMIT} lines")
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, EOFError) as error:
            raise BadZip("its directory cannot be read") from error
        self._slots = [_slot(info) for info in self._zip.infolist()]
        self.overlaps = _overlaps([slot.info for slot in self._slots], self._zip.start_dir)
        self.hidden = not self.overlaps and _hidden(data, [slot.info for slot in self._slots], self._zip.start_dir)
        self.doubles = _doubles(self._slots)
        self.declared = sum(slot.info.file_size for slot in self._slots)
        self.swells = self.declared > RATIO_FROM and self.declared > RATIO_LIMIT * len(data)

    def __iter__(self) -> Iterator[Slot]:
        return iter(self._slots)

    def __len__(self) -> int:
        return len(self._slots)

    def read(self, slot: Slot, limit: int) -> bytes:
        """The member's bytes, at most `limit` + 1 of them; BadZip when damaged or of an unknown method."""
        try:
            with self._zip.open(slot.info) as member:
                return member.read(limit + 1)
        except (
            zipfile.BadZipFile,
            NotImplementedError,
            RuntimeError,
            OSError,
            EOFError,
            ValueError,
            zlib.error,
            lzma.LZMAError,
        ) as error:
            raise BadZip("cannot be unpacked") from error


def _slot(info: zipfile.ZipInfo) -> Slot:
    mode = info.external_attr >> 16
    kind = "folder" if info.filename.endswith("/") else "file"
    if stat.S_ISLNK(mode):
        kind = "symlink"
    elif stat.S_ISCHR(mode) or stat.S_ISBLK(mode) or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        kind = "device"
    return Slot(info, info.orig_filename, kind, bool(info.flag_bits & 0x1))


def _overlaps(infos: list[zipfile.ZipInfo], directory: int) -> list[str]:
    """Members whose bytes reach into the next one's or into the directory: the mark of an overlapping bomb."""
    found = []
    ordered = sorted(infos, key=lambda info: info.header_offset)
    for info, after in itertools.zip_longest(ordered, ordered[1:]):
        limit = after.header_offset if after else directory
        if info.header_offset + _LOCAL_HEADER + len(info.orig_filename) + info.compress_size > limit:
            found.append(info.orig_filename)
    return found


def _hidden(data: bytes, infos: list[zipfile.ZipInfo], directory: int) -> bool:
    """Does a local header stand where no member of the directory is: two archives one after the other, or a gap?"""
    at = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if data.find(_LOCAL, at, info.header_offset) >= 0:
            return True
        head = data[info.header_offset : info.header_offset + _LOCAL_HEADER]
        lengths = int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
        at = info.header_offset + _LOCAL_HEADER + lengths + info.compress_size
    return data.find(_LOCAL, at, directory) >= 0


def _doubles(slots: list[Slot]) -> list[str]:
    seen: set[str] = set()
    return [slot.path for slot in slots if slot.path in seen or seen.add(slot.path)]  # type: ignore[func-returns-value]
