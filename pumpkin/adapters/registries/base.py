"""What every registry can be asked, and the one that picks the registry by a purl's type."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from pumpkin.adapters.registries import apk_file
from pumpkin.adapters.registries.fetch import ARTIFACT_S, MISSING, Fetcher, hurried
from pumpkin.errors import PackageNotFound, RegistryError, RegistryTooLarge, Unavailable, UnsupportedEcosystem
from pumpkin.model.documents import Document
from pumpkin.model.packages import Advisory, Artifact, NewRelease, Release, Versions
from pumpkin.model.purl import Purl

ARTIFACT_LIMIT = 512 * 1024 * 1024
ATTESTATION_LIMIT = 2 * 1024 * 1024
CONTROL = "control-sha1"  # of an apk file's control part, which names the hash of its data
_CHECKED = ("sha512", "sha384", "sha256", "sha1", "md5")


@dataclass(frozen=True, slots=True)
class Fetched:
    """An artifact on disk. `path` is a file of our own naming in the folder given; `verified` names the digests of the
    registry that agreed (empty: it published none)."""

    artifact: Artifact
    path: Path
    size: int
    sha256: str
    verified: tuple[str, ...]


class Registry(ABC):
    """One ecosystem's registry at one base address."""

    ecosystem: ClassVar[str]

    def __init__(self, fetcher: Fetcher, url: str) -> None:
        self.fetcher = fetcher
        self.url = url.rstrip("/")

    @abstractmethod
    async def versions(self, purl: Purl) -> Versions:
        """All versions of the package; PackageNotFound when there is none."""

    @abstractmethod
    async def release(self, purl: Purl, found: Versions) -> Release:
        """The files of exactly `purl.version`, one of `found`."""

    @abstractmethod
    async def metadata(self, purl: Purl) -> dict[str, Any]:
        """What the registry says about the package (at `purl.version` where given), in our words.

        Keys, each only where known: name, version, summary, description, home_page, repository, urls, licence, authors,
        maintainers, keywords, dependencies, install_scripts, published, downloads, yanked, yanked_reason.
        """

    async def new_releases(self, cursor: str) -> tuple[Sequence[NewRelease], str]:
        """What was published since `cursor` ('' at first), and the next cursor; nothing where there is no feed."""
        return (), cursor

    async def names(self) -> Sequence[tuple[str, str | None]]:
        """All names, where what is asked for anyway holds them; else none."""
        return ()

    async def resolve(self, purl: Purl) -> Release:
        """The release `purl` names, or the latest where it names none."""
        found = await self.versions(purl)
        wanted = purl.version or found.latest
        number = next((n for n in found.numbers if n == wanted), None) or self.same(wanted, found.numbers)
        if number is None:
            raise PackageNotFound(
                f"{purl.full_name} has no version {wanted}." if wanted else f"{purl.full_name} has no version."
            )
        return await self.release(purl.at(number), found)

    def same(self, wanted: str | None, published: Sequence[str]) -> str | None:
        """The published spelling of a version written otherwise (`1.0.0` for `1.0`); None where there is none."""
        return None

    def path(self, *parts: str) -> str:
        """An address below the base; each part one escaped segment."""
        return "/".join([self.url, *map(self.escaped, parts)])

    @staticmethod
    def escaped(part: str) -> str:
        return quote(part, safe="@+!~")


class Registries:
    """All configured registries behind one door, by purl type; `close` ends what is under way.

    `seen`, where set, is told of each package's versions after they were asked for.
    """

    def __init__(self, fetcher: Fetcher, registries: Mapping[str, Registry], advisories: Any = None) -> None:
        self.fetcher = fetcher
        self._by_type = dict(registries)
        self._advisories = advisories
        self.seen: Callable[[Versions], Awaitable[None]] | None = None

    async def close(self) -> None:
        await self.fetcher.close()

    @property
    def advised(self) -> bool:
        """Whether an advisory database is configured."""
        return self._advisories is not None

    @property
    def ecosystems(self) -> tuple[str, ...]:
        return tuple(self._by_type)

    def of(self, purl_or_type: Purl | str) -> Registry:
        """The registry for a purl (or a type); UnsupportedEcosystem where none is configured."""
        kind = purl_or_type if isinstance(purl_or_type, str) else purl_or_type.type
        registry = self._by_type.get(kind)
        if registry is None:
            raise UnsupportedEcosystem(f"No registry is configured for packages of {kind}.")
        return registry

    def private(self, ecosystem: str) -> bool:
        """Whether a registry is asked with credentials: then what it says is not for everybody."""
        registry = self._by_type.get(ecosystem)
        return registry is not None and self.fetcher.guarded(registry.url)

    async def glance(self, purl: Purl) -> Versions:
        """`versions` for somebody who looks: at once, though up to a day old (then `stale`, and asked again behind)."""
        with hurried():
            return await self.versions(purl)

    async def about(self, purl: Purl) -> dict[str, Any]:
        """`metadata` for somebody who looks."""
        with hurried():
            return await self.metadata(purl)

    async def resolve(self, purl: Purl) -> Release:
        await self.versions(purl)
        return await self.of(purl).resolve(purl)

    async def versions(self, purl: Purl) -> Versions:
        found = await self.of(purl).versions(purl)
        if self.seen is not None:
            await self.seen(found)
        return found

    async def metadata(self, purl: Purl) -> dict[str, Any]:
        return await self.of(purl).metadata(purl)

    async def new_releases(self, ecosystem: str, cursor: str) -> tuple[Sequence[NewRelease], str]:
        return await self.of(ecosystem).new_releases(cursor)

    async def names(self, ecosystem: str) -> Sequence[tuple[str, str | None]]:
        """All names with their newest version, where the registry is one document that was read anyway (Wolfi)."""
        return await self.of(ecosystem).names()

    async def known_bad(self, purl: Purl) -> tuple[Advisory, ...]:
        """What OSV knows about this package version. Unavailable where none is configured: silence is no good word."""
        if self._advisories is None:
            raise Unavailable("No advisory database is configured here (registries.osv).")
        found: tuple[Advisory, ...] = await self._advisories.query(purl)
        return found

    async def attestation(self, artifact: Artifact) -> bytes:
        """What the builder of `artifact` signed, as the registry keeps it; b"" where there is none (any more)."""
        if not artifact.provenance:
            return b""
        try:
            document = await self.fetcher.document(artifact.provenance, accept="*/*", limit=ATTESTATION_LIMIT)
        except PackageNotFound:
            return b""
        return document.body

    async def fetch(self, artifact: Artifact, folder: Path, *, limit: int = ARTIFACT_LIMIT) -> Fetched:
        """The file, in a new file in `folder` (never named by the registry), size and every digest compared.

        RegistryTooLarge past `limit` or past the announced size; RegistryError when size or digest do not agree.
        """
        limit = min(limit, artifact.size) if artifact.size is not None else limit
        sums = {name: hashlib.new(name, usedforsecurity=False) for name in artifact.digests if name in _CHECKED}
        sha256 = hashlib.sha256()
        size = 0
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        with tempfile.NamedTemporaryFile(dir=folder, prefix="artifact-", delete=False) as file:
            path = Path(file.name)
            try:
                async with self.fetcher.answer("GET", artifact.url, headers=headers, total_s=ARTIFACT_S) as response:
                    if response.status in MISSING:
                        raise PackageNotFound(f"The registry has no file {artifact.filename} any more.")
                    if (response.content_length or 0) > limit:
                        raise RegistryTooLarge
                    async for part in response.content.iter_chunked(1 << 18):
                        size += len(part)
                        if size > limit:
                            raise RegistryTooLarge
                        await asyncio.to_thread(_take, file, part, (sha256, *sums.values()))
                if artifact.size is not None and size != artifact.size:
                    raise RegistryError(f"{artifact.filename} has {size} bytes; the registry said {artifact.size}.")
                file.flush()
                if CONTROL in artifact.digests:
                    await asyncio.to_thread(apk_file.check, path, artifact.digests[CONTROL])
                for name, found in sums.items():
                    if found.hexdigest() != artifact.digests[name].lower():
                        raise RegistryError(f"The {name} of {artifact.filename} is not the one the registry published.")
            except BaseException:
                path.unlink(missing_ok=True)
                raise
        return Fetched(
            artifact,
            path,
            size,
            sha256.hexdigest(),
            tuple(name for name in artifact.digests if name in (*sums, CONTROL)),
        )


def _take(file: Any, part: bytes, sums: Sequence[Any]) -> None:
    file.write(part)
    for one in sums:
        one.update(part)


def mapping(document: Document | Any) -> dict[str, Any]:
    """A JSON object; RegistryError for another value."""
    value = document.json() if isinstance(document, Document) else document
    if not isinstance(value, dict):
        raise RegistryError
    return value


def inner(value: Any) -> dict[str, Any]:
    """A JSON object inside a document, {} for any other value."""
    return value if isinstance(value, dict) else {}


def listing(value: Any) -> list[Any]:
    """A JSON array, [] for null; RegistryError for another value."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise RegistryError
    return value


def agreed(said: Any, purl: Purl, asked: Any) -> None:
    """RegistryError when a document names another package than was asked for."""
    if said != asked:
        raise RegistryError(f"The registry answered for {str(said)[:80]!a} when asked for {purl.full_name}.")


def size_of(value: Any) -> int | None:
    """A file's announced size; RegistryError for a negative one."""
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise RegistryError
    return value


def digest(value: Any, length: int) -> str | None:
    """`value` when it is `length` hexadecimal digits, in lower case, else None."""
    text = value.lower() if isinstance(value, str) else ""
    return text if len(text) == length and not set(text) - set("0123456789abcdef") else None
