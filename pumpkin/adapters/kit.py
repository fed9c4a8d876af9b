"""Kits: all a probe needs on a host with nothing but Python, packed from this installation; no package index is asked.

A kit is a tar of packages for one Python, platform and C library. The server packs its own; further ones, made by
`pumpkin agent kit` on machines of another kind, are laid beside it. Each is named and hashed before it is handed out.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import io
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pumpkin.adapters.releases import tag
from pumpkin.errors import StartError

VERSION = "0.1.0"
PARTS = (
    *("aiohttp", "click", "cronsim", "cryptography", "dnspython", "fastjsonschema", "psutil", "pydantic"),
    *("pydantic-settings", "pykka", "slixmpp", "structlog"),
)
"""What `pumpkin probe` imports; their own requirements follow."""
LEFT_OUT = ("pumpkin/runner", "pumpkin/web", "pumpkin/analysis")
"""Parts of ours that no probe needs."""
_NAME = re.compile(
    r"pumpkin-probe-(?P<version>[0-9A-Za-z.]+)-(?P<tag>[0-9A-Za-z_.]+(?:-[0-9A-Za-z_.]+)*)-[0-9a-f]{12}\.tar\.gz\Z"
)


@dataclass(frozen=True, slots=True)
class Kit:
    """One kit: its file's name, for which hosts it is (`tag()` there), its SHA-256 in hex, its size in bytes,
    of which version."""

    name: str
    tag: str
    sha256: str
    size: int
    path: Path
    version: str = ""


class Kits:
    """The kits in one folder. Reads and packs files: call it in a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._hashed: dict[tuple[str, int, int], str] = {}

    def all(self) -> list[Kit]:
        """Every kit there is; our own is packed when its sources changed."""
        own = self._own()
        found = [self._kit(path) for path in sorted(self._folder.glob("pumpkin-probe-*.tar.gz")) if path != own]
        return [self._kit(own), *(one for one in found if one.tag != tag())]

    def _own(self) -> Path:
        content = dict(_content())
        digest = hashlib.sha256()
        for name, path in content.items():
            digest.update(f"{name} {path.stat().st_size} {path.stat().st_mtime_ns}\n".encode())
        path = self._folder / f"pumpkin-probe-{VERSION}-{tag()}-{digest.hexdigest()[:12]}.tar.gz"
        if not path.exists():
            try:
                self._folder.mkdir(mode=0o755, parents=True, exist_ok=True)
                for old in self._folder.glob(f"pumpkin-probe-*-{tag()}-*.tar.gz"):
                    old.unlink()
                part = path.with_suffix(".part")
                part.write_bytes(_packed(content))
                part.replace(path)
            except OSError as error:
                raise StartError(f"The probes' kit cannot be kept in {self._folder}: {error.strerror}.") from None
        return path

    def _kit(self, path: Path) -> Kit:
        found, state = _NAME.match(path.name), path.stat()
        key = (path.name, state.st_size, state.st_mtime_ns)
        if key not in self._hashed:
            with path.open("rb") as file:
                self._hashed[key] = hashlib.file_digest(file, "sha256").hexdigest()
        return Kit(
            path.name, found["tag"] if found else "", self._hashed[key], state.st_size, path,
            found["version"] if found else "",
        )  # fmt: skip


def pack(folder: Path) -> Kit:
    """Pack a kit of this installation into `folder`."""
    return Kits(folder).all()[0]


def _content() -> Iterator[tuple[str, Path]]:
    """Every file of a kit: its name inside, sorted, and where it lies here."""
    found: dict[str, Path] = {}
    for package in ("pumpkin", "actors"):
        spec = importlib.util.find_spec(package)  # found, not imported: it is only packed
        top = Path(str(spec.origin if spec else "")).parent
        for path in top.rglob("*.py"):
            name = f"{top.name}/{path.relative_to(top).as_posix()}"
            if not name.startswith(LEFT_OUT):
                found[name] = path
    for part in _parts():
        for file in metadata.distribution(part).files or ():
            path = Path(str(file.locate()))
            inside = file.as_posix()
            wanted = not inside.startswith("..") and "__pycache__" not in inside and "/tests/" not in inside
            if wanted and not inside.endswith(("/RECORD", "/INSTALLER", "/REQUESTED", "direct_url.json")):
                found[inside] = path
    yield from ((name, path) for name, path in sorted(found.items()) if path.is_file())


def _parts() -> list[str]:
    """PARTS with all they require here."""
    wanted, found = [canonicalize_name(part) for part in PARTS], set[str]()
    while wanted:
        name = wanted.pop()
        if name in found:
            continue
        try:
            required = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            raise StartError(f"The probes' kit lacks {name}, which is not installed here.") from None
        found.add(name)
        for text in required:
            one = Requirement(text)
            if one.marker is None or one.marker.evaluate({"extra": ""}):
                wanted.append(canonicalize_name(one.name))
    return sorted(found)


def _packed(content: dict[str, Path]) -> bytes:
    out = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=out, mode="wb", mtime=0, compresslevel=6) as squeezed,
        tarfile.open(fileobj=squeezed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, path in content.items():
            entry = tarfile.TarInfo(name)
            data = path.read_bytes()
            entry.size, entry.mode = len(data), 0o755 if path.suffix == ".so" else 0o644
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()
