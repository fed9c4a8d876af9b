"""Gives back what only the start of the process needed: memory freed, and pages of libraries nobody reads any more."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from pathlib import Path

_MADV_DONTNEED = 4
_RANGE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (r-[x-]p) \S+ \S+ [1-9]\d* +/")
"""A private mapping of a file that cannot be written, in /proc/self/smaps (proc(5)): its code, its constants."""


def rest() -> None:
    """Once after a start. glibc keeps 3 MB of what was freed; of libraries' files 20 MB are resident that were read
    for loading alone. What is wanted again comes from the page cache. Nothing is done where the system is another."""
    library = ctypes.CDLL(None)
    if trim := getattr(library, "malloc_trim", None):
        trim(0)
    advise = getattr(library, "madvise", None)
    smaps = Path("/proc/self/smaps")
    if advise is None or not smaps.exists():
        return
    for start, size in unwritten(smaps.read_text("utf-8", "replace")):
        advise(ctypes.c_void_p(start), ctypes.c_size_t(size), _MADV_DONTNEED)


def unwritten(smaps: str) -> Iterator[tuple[int, int]]:
    """Address and size in bytes of the mappings that are just as their file is: none of their pages was ever written,
    as the loader does (relocations) where it makes them unwritable only afterwards."""
    found: tuple[int, int] | None = None
    for line in smaps.splitlines():
        if "-" in line.partition(" ")[0]:
            seen = _RANGE.match(line)
            found = (int(seen[1], 16), int(seen[2], 16) - int(seen[1], 16)) if seen else None
        elif found is not None and line.startswith("Anonymous:"):
            if line.split()[1] == "0":
                yield found
            found = None
