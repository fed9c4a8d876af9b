"""Hashes of files: of one, or of all below a folder."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path
from typing import Any

FILES_LIMIT = 20_000
LISTED = 500


def measure(target: str) -> dict[str, Any]:
    """`target` is a file or folder, several with `:` between. `tree` is one hash over all names, modes and contents;
    the first 500 files are listed. Links are not followed, special files are named only."""
    whole, count, size = hashlib.sha256(), 0, 0
    listed: list[dict[str, Any]] = []
    unreadable: list[str] = []
    for root in target.split(":"):
        for path in _walk(Path(root)):
            count += 1
            if count > FILES_LIMIT:
                raise ValueError(f"more than {FILES_LIMIT} files below {target}")
            found = path.lstat()
            entry: dict[str, Any] = {"path": str(path), "mode": f"{stat.S_IMODE(found.st_mode):04o}"}
            try:
                if stat.S_ISLNK(found.st_mode):
                    entry["link"] = str(path.readlink())
                elif stat.S_ISREG(found.st_mode):
                    with path.open("rb") as file:
                        entry |= {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "size": found.st_size}
                    size += found.st_size
                else:
                    entry["kind"] = "special"
            except OSError as error:
                unreadable.append(f"{path}: {error.strerror}")
                continue
            whole.update(repr(sorted(entry.items())).encode("utf-8", "surrogateescape"))
            if len(listed) < LISTED:
                listed.append(entry)
    return {
        "tree": whole.hexdigest(),
        "files": listed,
        "count": count,
        "size": size,
        "unreadable": unreadable[:100],
        "truncated": count - len(unreadable) > len(listed),
    }


def _walk(root: Path) -> list[Path]:
    if not root.is_dir() or root.is_symlink():
        root.lstat()  # FileNotFoundError for what is not there
        return [root]
    return sorted(path for path in root.rglob("*") if path.is_symlink() or not path.is_dir())
