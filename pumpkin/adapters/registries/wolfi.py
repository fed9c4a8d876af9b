"""Wolfi: one index of all packages (`APKINDEX.tar.gz`), asked conditionally, read into memory, compared with itself."""

from __future__ import annotations

import asyncio
import base64
import binascii
import tarfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, ClassVar

from pumpkin.adapters.registries.base import Registry
from pumpkin.adapters.registries.fetch import Fetcher
from pumpkin.errors import InvalidPurl, PackageNotFound, RegistryError, RegistryTooLarge
from pumpkin.model.documents import Document
from pumpkin.model.packages import Artifact, NewRelease, Release, Version, Versions, facts, moment, plain
from pumpkin.model.purl import Purl, of_name
from pumpkin.model.versions import newest, order, prerelease

UNPACKED_LIMIT = 512 * 1024 * 1024
PACKED_LIMIT = 64 * 1024 * 1024
MEMBERS = 16
_KEPT = frozenset("PVASTULomtDCcp")


@dataclass(slots=True)
class _Index:
    """Entries by name and version, each field under its letter (apk's index format)."""

    document: Document
    packages: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)


class Wolfi(Registry):
    """`url` is the folder of one architecture, with APKINDEX.tar.gz and the packages in it."""

    ecosystem: ClassVar[str] = "apk"

    def __init__(self, fetcher: Fetcher, url: str) -> None:
        super().__init__(fetcher, url)
        self._index: _Index | None = None
        self._reading = asyncio.Lock()

    async def names(self) -> Sequence[tuple[str, str | None]]:
        """Every name with its newest version, in order."""
        index = await self._read()
        return [(name, newest("apk", entries)) for name, entries in sorted(index.packages.items())]

    async def versions(self, purl: Purl) -> Versions:
        index = await self._read()
        entries = self._entries(index, purl)
        found = [
            Version(number, moment(_number(entry.get("t"))), False, prerelease("apk", number))
            for number, entry in entries.items()
        ]
        found.sort(key=lambda version: order("apk", version.number))
        return Versions(purl.at(None), tuple(found), newest("apk", entries), index.document.stale)

    async def release(self, purl: Purl, found: Versions) -> Release:
        index = await self._read()
        entry = self._entries(index, purl)[str(purl.version)]
        filename = f"{purl.name}-{purl.version}.apk"
        published = moment(_number(entry.get("t")))
        artifact = Artifact(self.path(filename), filename, "apk", _digests(entry), _number(entry.get("S")), published)
        about = _about(purl, entry)
        return Release(purl, (artifact,), (artifact,), published, about, False, index.document.stale)

    async def metadata(self, purl: Purl) -> dict[str, Any]:
        entries = self._entries(await self._read(), purl)
        number = purl.version or newest("apk", entries)
        if number not in entries:
            raise PackageNotFound(f"{purl.name} has no version {number}.")
        return _about(purl.at(number), entries[number])

    async def new_releases(self, cursor: str) -> tuple[Sequence[NewRelease], str]:
        """What was built since the newest build time seen before."""
        index = await self._read(fresh_s=self.fetcher.feed_s)
        since = int(cursor) if cursor.isdigit() else None
        newest_build = since or 0
        found = []
        for name, entries in index.packages.items():
            for number, entry in entries.items():
                built = _number(entry.get("t")) or 0
                newest_build = max(newest_build, built)
                if since is not None and built > since:
                    found.append(NewRelease(of_name("apk", name, number), moment(built)))
        return found, str(newest_build)

    def _entries(self, index: _Index, purl: Purl) -> dict[str, dict[str, str]]:
        entries = index.packages.get(purl.name)
        if not entries:
            raise PackageNotFound
        return entries

    async def _read(self, fresh_s: float | None = None) -> _Index:
        async with self._reading:
            url = self.path("APKINDEX.tar.gz")
            document = await self.fetcher.document(
                url, accept="application/octet-stream", fresh_s=fresh_s, limit=PACKED_LIMIT
            )
            known = self._index
            if known is None or known.document.body != document.body:
                self._index = _Index(document, await asyncio.to_thread(_parsed, document.body))
            else:
                known.document = document
            assert self._index is not None
            return self._index


def _parsed(body: bytes) -> dict[str, dict[str, dict[str, str]]]:
    """The entries of an index. It is several gzip streams behind each other: a signature, then the index."""
    packages: dict[str, dict[str, dict[str, str]]] = {}
    entry: dict[str, str] = {}
    for line in (*_text(body).split("\n"), ""):
        if line[1:2] == ":" and line[0] in _KEPT:
            entry[line[0]] = line[2:2_002].strip()
        elif not line.strip() and entry:
            try:
                of_name("apk", entry.get("P", ""), entry.get("V", ""))
            except InvalidPurl:
                pass
            else:
                packages.setdefault(entry["P"], {})[entry["V"]] = entry
            entry = {}
    return packages


def _text(body: bytes) -> str:
    try:
        with tarfile.open(fileobj=BytesIO(_unpacked(body)), mode="r:") as archive:
            for _ in range(MEMBERS):
                member = archive.next()
                if member is None:
                    break
                if member.name == "APKINDEX" and member.isfile():
                    content = archive.extractfile(member)
                    return content.read().decode("utf-8", "replace") if content else ""
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise RegistryError("Wolfi's index cannot be read.") from error
    raise RegistryError("Wolfi's index holds no APKINDEX.")


def _unpacked(body: bytes) -> bytes:
    """All gzip streams, one after the other; RegistryTooLarge past UNPACKED_LIMIT."""
    found = bytearray()
    rest = body
    try:
        while rest:
            stream = zlib.decompressobj(31)
            found += stream.decompress(rest, UNPACKED_LIMIT - len(found) + 1)
            if len(found) > UNPACKED_LIMIT or stream.unconsumed_tail:
                raise RegistryTooLarge
            if not stream.eof:
                raise RegistryError("Wolfi's index ends in the middle.")
            rest = stream.unused_data
    except zlib.error as error:
        raise RegistryError("Wolfi's index cannot be unpacked.") from error
    return bytes(found)


def _digests(entry: dict[str, str]) -> dict[str, str]:
    """`C:Q1<base64>` is the SHA-1 of the package's control part, which names the hash of its data (`apk_file`)."""
    value = entry.get("C", "")
    if value.startswith("Q1"):
        try:
            return {"control-sha1": base64.b64decode(value[2:], validate=True).hex()}
        except binascii.Error as error:
            raise RegistryError("A checksum in Wolfi's index is not base64.") from error
    return {}


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() and len(text) < 16 else None


def _about(purl: Purl, entry: dict[str, str]) -> dict[str, Any]:
    return facts(
        {
            "name": purl.name,
            "version": purl.version,
            "summary": plain(entry.get("T")),
            "home_page": plain(entry.get("U"), 500),
            "repository": plain(entry.get("U"), 500) if "git" in entry.get("U", "") else "",
            "licence": plain(entry.get("L"), 200),
            "origin": plain(entry.get("o"), 200),
            "maintainers": plain(entry.get("m"), 200),
            "dependencies": plain(entry.get("D"), 10_000).split(),
            "architecture": plain(entry.get("A"), 30),
            "commit": plain(entry.get("c"), 64),
            "published": moment(_number(entry.get("t"))),
        }
    )
