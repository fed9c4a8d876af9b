"""Gathers what a package left behind: its written files, with digest, first bytes and, where small, the whole.

Nothing found is followed: symbolic links are named, not read; devices and pipes are passed over.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from typing import Any

KEPT_BYTES = 64 << 10
HEAD_BYTES = 64
HASH_LIMIT = 64 << 20
FILE_LIMIT = 500
DROPPED_LIMIT = 50


def gather(paths: Iterable[str], limit: int = FILE_LIMIT) -> tuple[list[tuple[dict[str, Any], bytes]], int]:
    """([(description, content)], how many were not looked at). Content is at most 64 kB, empty for what is larger."""
    found: list[tuple[dict[str, Any], bytes]] = []
    left = 0
    for path in paths:
        if len(found) >= limit:
            left += 1
            continue
        one = look(path)
        if one is not None:
            found.append(one)
    return found, left


def look(path: str) -> tuple[dict[str, Any], bytes] | None:
    """One file's size, mode, SHA-256 and beginning; None when it is gone or no regular file."""
    descriptor = _open(path)
    if descriptor is None:
        return None
    with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123
        about = os.fstat(descriptor)
        digest = hashlib.sha256()
        content, seen = b"", 0
        while seen < HASH_LIMIT and (chunk := file.read(1 << 20)):
            digest.update(chunk)
            seen += len(chunk)
            if seen <= KEPT_BYTES:
                content += chunk
    whole = seen >= about.st_size
    entry = {
        "path": path,
        "size": about.st_size,
        "mode": oct(about.st_mode & 0o7777),
        "sha256": digest.hexdigest() if whole else None,
        "head": content[:HEAD_BYTES].hex(),
        "sort": _sort(content),
    }
    return entry, content if about.st_size <= KEPT_BYTES else b""


def _sort(content: bytes) -> str:
    for magic, name in (
        (b"\x7fELF", "elf"),
        (b"MZ", "pe"),
        (b"#!", "script"),
        (b"PK\x03\x04", "zip"),
        (b"\x1f\x8b", "gzip"),
    ):
        if content.startswith(magic):
            return name
    return "text" if content and b"\0" not in content[:1024] else "data"


def read(path: str, limit: int) -> bytes:
    """The beginning of a regular file, empty when there is none; a link is not followed."""
    descriptor = _open(path)
    if descriptor is None:
        return b""
    with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123
        content = b""
        while len(content) < limit and (chunk := file.read(limit - len(content))):
            content += chunk
        return content


def memory_kills() -> int:
    """How often the kernel ended a process of this container for want of memory, 0 where that cannot be read."""
    for path in ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"):
        for line in read(path, 4096).decode("ascii", "replace").splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill" and count.isdigit():
                return int(count)
    return 0


def _open(path: str) -> int | None:
    """A descriptor of a regular file, None for anything else."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return None
