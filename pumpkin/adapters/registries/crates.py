"""crates.io: the sparse index for versions and checksums, the API for what people wrote, RSS for what is new."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from pumpkin.adapters.registries import xml
from pumpkin.adapters.registries.base import Registry, agreed, digest, inner, listing, mapping
from pumpkin.adapters.registries.fetch import Fetcher
from pumpkin.adapters.registries.pypi import rss_moment
from pumpkin.errors import InvalidPurl, PackageNotFound, RegistryError
from pumpkin.model.documents import Document
from pumpkin.model.packages import Artifact, NewRelease, Release, Version, Versions, facts, moment, plain
from pumpkin.model.purl import Purl, of_name
from pumpkin.model.versions import newest, order, prerelease


class Crates(Registry):
    """`url` is the sparse index's base, `api` the site's, `files` where archives and feeds lie."""

    ecosystem: ClassVar[str] = "cargo"

    def __init__(self, fetcher: Fetcher, url: str, api: str = "", files: str = "") -> None:
        super().__init__(fetcher, url)
        self._api = api.rstrip("/")
        self._files = files.rstrip("/")

    async def versions(self, purl: Purl) -> Versions:
        rows, document = await self._rows(purl)
        found = [
            Version(number, moment(row.get("pubtime")), bool(row.get("yanked")), prerelease("cargo", number))
            for number, row in rows.items()
        ]
        found.sort(key=lambda version: order("cargo", version.number))
        latest = newest("cargo", [v.number for v in found if not v.yanked])
        return Versions(purl.at(None), tuple(found), latest, document.stale)

    async def release(self, purl: Purl, found: Versions) -> Release:
        rows, document = await self._rows(purl)
        row = rows[str(purl.version)]
        filename = f"{row['name']}-{purl.version}.crate"
        sha256 = digest(row.get("cksum"), 64)
        if sha256 is None:
            raise RegistryError("The crate's checksum is none.")
        url = f"{self._files}/crates/{quote(str(row['name']))}/{quote(filename, safe='+')}"
        artifact = Artifact(url, filename, "crate", {"sha256": sha256})
        about = await self.metadata(purl)
        yanked = bool(row.get("yanked"))
        published = about.get("published")
        return Release(purl, (artifact,), (artifact,), published, about, yanked, found.stale or document.stale)

    async def metadata(self, purl: Purl) -> dict[str, Any]:
        rows, _ = await self._rows(purl)
        number = purl.version or newest("cargo", [n for n, row in rows.items() if not row.get("yanked")])
        row = rows.get(str(number), {})
        crate: dict[str, Any] = {}
        version: dict[str, Any] = {}
        if self._api:
            try:
                answer = mapping(await self.fetcher.document(f"{self._api}/api/v1/crates/{purl.name}"))
            except PackageNotFound:
                answer = {}
            crate = inner(answer.get("crate"))
            if crate:
                agreed(_folded(str(crate.get("id") or crate.get("name"))), purl, _folded(purl.name))
            version = next((v for v in map(inner, listing(answer.get("versions"))) if v.get("num") == number), {})
        return facts(
            {
                "name": plain(row.get("name"), 64) or purl.name,
                "version": plain(number, 128),
                "summary": plain(crate.get("description")),
                "home_page": plain(crate.get("homepage"), 500),
                "repository": plain(crate.get("repository"), 500),
                "urls": facts({"documentation": plain(crate.get("documentation"), 500)}),
                "licence": plain(version.get("license"), 200),
                "authors": plain(inner(version.get("published_by")).get("login"), 100),
                "keywords": [plain(one, 100) for one in listing(crate.get("keywords"))][:100],
                "dependencies": [
                    f"{plain(one.get('name'), 64)} {plain(one.get('req'), 200)}"
                    for one in map(inner, listing(row.get("deps")))
                    if one.get("kind") != "dev"
                ][:2_000],
                "published": moment(version.get("created_at") or row.get("pubtime")),
                "downloads": crate.get("downloads") if isinstance(crate.get("downloads"), int) else None,
                "yanked": bool(row.get("yanked")) or None,
            }
        )

    async def new_releases(self, cursor: str) -> tuple[Sequence[NewRelease], str]:
        if not self._files:
            return (), cursor
        document = await self.fetcher.feed(f"{self._files}/rss/updates.xml", accept="application/rss+xml")
        channel = xml.read(document.body).child("channel")
        found = []
        for item in channel.every("item") if channel else ():
            name, version = item.value("name"), item.value("version")
            if not name:  # title: "New crate version published: serde v1.0.1"
                name, _, version = item.value("title").rpartition(": ")[2].partition(" v")
            try:
                found.append(NewRelease(of_name("cargo", name, version or None), rss_moment(item.value("pubDate"))))
            except InvalidPurl:
                continue
        return found, cursor

    async def _rows(self, purl: Purl) -> tuple[dict[str, dict[str, Any]], Document]:
        document = await self.fetcher.document(f"{self.url}/{_place(purl.name)}", accept="text/plain")
        rows: dict[str, dict[str, Any]] = {}
        for line in document.body.splitlines():
            try:
                row = mapping(json.loads(line))
            except (ValueError, RecursionError) as error:
                raise RegistryError("The crate index's answer is not JSON by lines.") from error
            agreed(_folded(str(row.get("name"))), purl, _folded(purl.name))
            try:
                of_name("cargo", str(row.get("name")), str(row.get("vers")))
            except InvalidPurl:
                continue
            rows[str(row["vers"])] = row
        return rows, document


def _place(name: str) -> str:
    """Where a crate lies in the index (Cargo's book, "Index files")."""
    low = name.lower()
    if len(low) <= 3:
        return f"{len(low)}/{low}" if len(low) < 3 else f"3/{low[0]}/{low}"
    return f"{low[:2]}/{low[2:4]}/{low}"


def _folded(name: str) -> str:
    """Crates that differ only in case or in `-` against `_` are one."""
    return name.lower().replace("_", "-")
