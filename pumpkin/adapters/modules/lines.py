"""JSON lines: a file that only grows, each item once, turned over by size."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from pumpkin.adapters.modules.base import Away, Module, Options, Outcome, Place
from pumpkin.model.deliveries import Item

TAIL = 4 * 1024 * 1024


class FileOptions(Options):
    max_mb: int = Field(100, ge=1, le=100_000, description="MiB at which the file is turned over to `.1`.")
    keep: int = Field(5, ge=1, le=100, description="How many turned-over files are kept.")


class LogFile:
    """A file of lines. Each append is on the disk when it returns; a line torn by a kill is cut off at the next
    opening, and what the file's end holds already is not written again. Blocking: called in a thread."""

    def __init__(self, path: Path, max_bytes: int, keep: int) -> None:
        self.path, self._max, self._keep = path, max_bytes, keep
        self._fd = -1

    def open(self) -> bytes:
        """Open it (for its owner alone, where it is new), whole lines only; its last few megabytes."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
        size = os.fstat(self._fd).st_size
        tail = os.pread(self._fd, TAIL, max(0, size - TAIL))
        torn = len(tail) - (tail.rfind(b"\n") + 1)
        if torn:
            os.ftruncate(self._fd, size - torn)
            tail = tail[: len(tail) - torn]
        return tail

    def append(self, data: bytes) -> None:
        """Write whole lines and have them on the disk."""
        end = os.lseek(self._fd, 0, os.SEEK_END)
        if end and end + len(data) > self._max:
            self._turn()
            end = 0
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(self._fd, left) :]
            os.fsync(self._fd)
        except OSError:
            os.ftruncate(self._fd, end)  # a full disk must not leave half a line
            raise

    def _turn(self) -> None:
        self.close()
        for number in range(self._keep - 1, 0, -1):
            older = self.path.with_name(f"{self.path.name}.{number}")
            if older.exists():
                older.replace(self.path.with_name(f"{self.path.name}.{number + 1}"))
        self.path.replace(self.path.with_name(f"{self.path.name}.1"))
        self.open()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def file_path(place: Place) -> Path:
    """The target as a path; a relative one is in the module's own folder."""
    given = Path(place.target.removeprefix("file:"))
    return given if given.is_absolute() else place.data / given


class JsonLines(Module):
    """The target is a path. Each line is an item's JSON with its id."""

    Options = FileOptions
    batch = 500

    def __init__(self, place: Place, options: Any) -> None:
        super().__init__(place, options)
        self._file = LogFile(file_path(place), options.max_mb * 1024 * 1024, options.keep)
        self._written: set[str] = set()

    async def open(self) -> None:
        try:
            tail = await asyncio.to_thread(self._file.open)
        except OSError as error:
            raise Away(f"the file cannot be opened ({os.strerror(error.errno or 0)})") from None
        self._written = {found for line in tail.splitlines() if (found := _id(line))}

    async def deliver(self, items: Sequence[Item]) -> Sequence[Outcome] | None:
        new = [item for item in items if str(item.id) not in self._written]
        lines = b"".join(json.dumps(one.document(self.place.link)).encode() + b"\n" for one in new)
        if lines:
            try:
                await asyncio.to_thread(self._file.append, lines)
            except OSError as error:
                raise Away(f"the file cannot be written ({os.strerror(error.errno or 0)})") from None
        self._written = {str(item.id) for item in items}
        return None

    async def close(self) -> None:
        await asyncio.to_thread(self._file.close)


def _id(line: bytes) -> str:
    try:
        return str(json.loads(line)["id"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
