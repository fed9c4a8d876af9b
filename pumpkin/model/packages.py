"""Packages as registries publish them: versions, releases, artifacts; what any registry can be asked.

Texts in here come from strangers: bounded where they are made, never a path or a command, escaped where shown.
Times are aware UTC.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pumpkin.model.purl import Purl

TEXT_LIMIT = 2_000
_FILE_NAME = re.compile(r"[A-Za-z0-9_@][A-Za-z0-9._+!~@-]{0,250}\Z")


@dataclass(frozen=True, slots=True)
class Artifact:
    """One published file. `digests` are lower-case hex by algorithm name, as the registry says (`{}`: it says none).

    `filename` is plain (no slash, no leading dot or dash), `size` in bytes where the registry says it. `kind` is
    `sdist`, `wheel`, `tarball`, `gem`, `jar`, `sources`, `pom`, `zip`, `crate` or `apk`. `provenance` is the address of
    what its builder signed (PEP 740, npm's attestations), empty where the registry names none.
    """

    url: str
    filename: str
    kind: str
    digests: Mapping[str, str] = field(default_factory=dict)
    size: int | None = None
    published: datetime | None = None
    yanked: bool = False
    provenance: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {
            "url": self.url,
            "filename": self.filename,
            "kind": self.kind,
            "digests": dict(self.digests),
            "size": self.size,
            "published": stamp(self.published),
            "yanked": self.yanked,
        }


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a package. `yanked` covers what a registry withdrew without removing it."""

    number: str
    published: datetime | None = None
    yanked: bool = False
    prerelease: bool = False


@dataclass(frozen=True, slots=True)
class Release:
    """What `resolve` found: `purl` with the exact published version, `artifacts` as published (all of them), `chosen`
    those an analysis looks at (the source form and what an installer would pick). `stale` is true when the registry
    did not answer and this is what it said before (at most a day ago).
    """

    purl: Purl
    artifacts: tuple[Artifact, ...]
    chosen: tuple[Artifact, ...]
    published: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    yanked: bool = False
    stale: bool = False

    @property
    def version(self) -> str:
        return self.purl.version or ""

    @property
    def digest_key(self) -> str:
        """Sorted strongest digests of all published files, for a cache key (rulings.md 27); no file, no digest: ''."""
        found = []
        for artifact in self.artifacts:
            for name in ("sha512", "sha256", "sha1", "md5", "control-sha1"):
                if name in artifact.digests:
                    found.append(f"{name}:{artifact.digests[name]}")
                    break
        return ",".join(sorted(found))


@dataclass(frozen=True, slots=True)
class Versions:
    """All versions of one package, oldest first as far as the registry orders them; `latest` is what an installer
    without further wishes takes (None: nothing installable). `stale` as in `Release`."""

    purl: Purl
    versions: tuple[Version, ...]
    latest: str | None = None
    stale: bool = False

    @property
    def numbers(self) -> list[str]:
        return [version.number for version in self.versions]


@dataclass(frozen=True, slots=True)
class NewRelease:
    """What a feed announced: a purl, with a version where the feed names one."""

    purl: Purl
    published: datetime | None = None


@dataclass(frozen=True, slots=True)
class Advisory:
    """One entry of the OSV database about a package; `malicious` when its id begins with `MAL-`."""

    id: str
    summary: str = ""
    aliases: Sequence[str] = ()
    published: datetime | None = None
    withdrawn: bool = False

    @property
    def malicious(self) -> bool:
        return self.id.startswith("MAL-") and not self.withdrawn

    def as_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "summary": self.summary,
            "aliases": list(self.aliases),
            "published": stamp(self.published),
            "withdrawn": self.withdrawn,
            "malicious": self.malicious,
        }


def stamp(when: datetime | None) -> str | None:
    """RFC 3339 in UTC, for JSON."""
    return None if when is None else when.astimezone(UTC).isoformat().replace("+00:00", "Z")


def moment(text: Any) -> datetime | None:
    """A registry's time (RFC 3339, or seconds or milliseconds as a number) as aware UTC; None for anything else."""
    try:
        if isinstance(text, int | float) and not isinstance(text, bool):
            return datetime.fromtimestamp(text / 1000 if text > 1e11 else text, UTC)
        if not isinstance(text, str) or not 8 <= len(text) <= 40:
            return None
        found = datetime.fromisoformat(text.replace(" UTC", "+00:00").replace(" +", "+"))
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def plain(text: Any, limit: int = TEXT_LIMIT) -> str:
    """Foreign text bounded and without control characters; '' for what is no text."""
    if not isinstance(text, str):
        return ""
    return "".join(c for c in text[: limit * 2] if c.isprintable() or c in "\n\t")[:limit].strip()


def file_name(url_path: str) -> str | None:
    """The last segment of an address's path when it is a plain file name, else None."""
    name = url_path.rpartition("/")[2]
    return name if _FILE_NAME.match(name) and ".." not in name else None


def facts(given: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata with what is empty left out."""
    return {key: value for key, value in given.items() if value not in (None, "", [], {}, ())}
