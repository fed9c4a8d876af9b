"""Packagist and Composer repositories of its second protocol (`/p2/`, minified metadata)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pumpkin.adapters.registries.base import Registry, agreed, digest, inner, listing, mapping
from pumpkin.errors import InvalidPurl, RegistryError
from pumpkin.model.documents import Document
from pumpkin.model.packages import Artifact, NewRelease, Release, Version, Versions, facts, file_name, moment, plain
from pumpkin.model.purl import Purl, of_name
from pumpkin.model.versions import newest, order, prerelease, same


class Packagist(Registry):
    """The archive of a version is made by the forge at its commit, so most have no digest; the commit is in `digests`
    as `git-commit`, which nothing here can compare."""

    ecosystem: ClassVar[str] = "composer"

    async def versions(self, purl: Purl) -> Versions:
        rows, document = await self._rows(purl)
        found = [
            Version(number, moment(row.get("time")), bool(row.get("abandoned")), prerelease("composer", number))
            for number, row in rows.items()
        ]
        found.sort(key=lambda version: order("composer", version.number))
        return Versions(purl.at(None), tuple(found), newest("composer", rows), document.stale)

    async def release(self, purl: Purl, found: Versions) -> Release:
        rows, document = await self._rows(purl)
        row = rows[str(purl.version)]
        dist = inner(row.get("dist"))
        artifacts: tuple[Artifact, ...] = ()
        if dist.get("url"):
            url = str(dist["url"])
            sums = facts({"sha1": digest(dist.get("shasum"), 40), "git-commit": digest(dist.get("reference"), 40)})
            name = file_name(urlsplit(url).path) or "archive"
            name = name if "." in name[-8:] else f"{name}.{plain(dist.get('type'), 8) or 'zip'}"
            artifacts = (Artifact(url, name, "zip", sums, published=moment(row.get("time"))),)
        stale = found.stale or document.stale
        about = _about(purl, row)
        return Release(purl, artifacts, artifacts, moment(row.get("time")), about, bool(row.get("abandoned")), stale)

    def same(self, wanted: str | None, published: Sequence[str]) -> str | None:
        return same("composer", wanted or "", published)

    async def metadata(self, purl: Purl) -> dict[str, Any]:
        rows, _ = await self._rows(purl)
        wanted = purl.version or newest("composer", rows)
        number = wanted if wanted in rows else self.same(wanted, list(rows))
        return _about(purl, rows.get(str(number), {}))

    async def new_releases(self, cursor: str) -> tuple[Sequence[NewRelease], str]:
        address = self.path("metadata", "changes.json")
        if not cursor.isdigit():  # asked without `since` it says where the feed stands, with status 400
            start = await self.fetcher.feed(address, fresh_s=0, also=(400,))
            return (), str(mapping(start).get("timestamp", ""))
        answer = mapping(await self.fetcher.feed(f"{address}?since={cursor}", fresh_s=0))
        found: dict[str, NewRelease] = {}
        for action in map(mapping, listing(answer.get("actions"))):
            name = str(action.get("package")).removesuffix("~dev")
            try:
                if action.get("type") == "update":
                    found[name] = NewRelease(of_name("composer", name), moment(action.get("time")))
            except InvalidPurl:
                continue
        return list(found.values()), str(answer.get("timestamp", cursor))

    async def _rows(self, purl: Purl) -> tuple[dict[str, dict[str, Any]], Document]:
        """Versions by number, each whole: the first is, every further one is what differs from the one before."""
        document = await self.fetcher.document(self.path("p2", str(purl.namespace), f"{purl.name}.json"))
        answer = mapping(document)
        packages = mapping(answer.get("packages") or {})
        if purl.full_name not in packages:
            agreed(next(iter(packages), None), purl, purl.full_name)
        rows: dict[str, dict[str, Any]] = {}
        whole: dict[str, Any] = {}
        for part in map(mapping, listing(packages[purl.full_name])):
            whole = {**whole, **part} if answer.get("minified") else part
            whole = {key: value for key, value in whole.items() if value != "__unset"}
            number = whole.get("version")
            if not isinstance(number, str):
                raise RegistryError
            try:
                purl.at(number).check()
            except InvalidPurl:
                continue
            rows[number] = whole
        return rows, document


def _about(purl: Purl, row: dict[str, Any]) -> dict[str, Any]:
    return facts(
        {
            "name": purl.full_name,
            "version": plain(row.get("version"), 128),
            "summary": plain(row.get("description")),
            "home_page": plain(row.get("homepage"), 500),
            "repository": plain(inner(row.get("source")).get("url"), 500).removesuffix(".git"),
            "urls": {plain(k, 50): plain(v, 500) for k, v in inner(row.get("support")).items()},
            "licence": ", ".join(plain(one, 100) for one in listing(row.get("license"))),
            "authors": [plain(inner(one).get("name"), 200) for one in listing(row.get("authors"))][:100],
            "keywords": [plain(one, 100) for one in listing(row.get("keywords"))][:100],
            "dependencies": [f"{plain(k, 200)} {plain(v, 200)}" for k, v in inner(row.get("require")).items()],
            "install_scripts": {plain(k, 100): plain(str(v)) for k, v in inner(row.get("scripts")).items()},
            "type": plain(row.get("type"), 60),
            "published": moment(row.get("time")),
            "yanked": bool(row.get("abandoned")) or None,
        }
    )
