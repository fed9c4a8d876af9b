"""RubyGems and gem servers with its API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pumpkin.adapters.registries.base import Registry, agreed, digest, inner, listing, mapping
from pumpkin.errors import InvalidPurl
from pumpkin.model.documents import Document
from pumpkin.model.packages import Artifact, NewRelease, Release, Version, Versions, facts, moment, plain
from pumpkin.model.purl import Purl, of_name
from pumpkin.model.versions import newest, order, prerelease, same


class RubyGems(Registry):
    """A version may have a file a platform; the qualifier `platform` picks one, `ruby` is what is taken else."""

    ecosystem: ClassVar[str] = "gem"

    async def versions(self, purl: Purl) -> Versions:
        rows, document = await self._rows(purl)
        by_number: dict[str, dict[str, Any]] = {}
        for row in rows:
            if row["number"] not in by_number or row.get("platform") == "ruby":
                by_number[row["number"]] = row
        found = [
            Version(
                number, moment(row.get("created_at")), False, bool(row.get("prerelease", prerelease("gem", number)))
            )
            for number, row in by_number.items()
        ]
        found.sort(key=lambda version: order("gem", version.number))
        latest = newest("gem", by_number)
        return Versions(purl.at(None), tuple(found), latest, document.stale)

    def same(self, wanted: str | None, published: Sequence[str]) -> str | None:
        return same("gem", wanted or "", published)

    async def release(self, purl: Purl, found: Versions) -> Release:
        rows, document = await self._rows(purl)
        wanted = purl.qualifiers.get("platform", "ruby")
        artifacts = []
        chosen = []
        for row in rows:
            if row["number"] != purl.version:
                continue
            platform = plain(row.get("platform"), 60) or "ruby"
            filename = f"{purl.name}-{purl.version}{'' if platform == 'ruby' else '-' + platform}.gem"
            sha256 = digest(row.get("sha"), 64)
            sums = {"sha256": sha256} if sha256 else {}
            url = self.path("downloads", filename)
            artifact = Artifact(url, filename, "gem", sums, published=moment(row.get("created_at")))
            artifacts.append(artifact)
            if platform == wanted:
                chosen.append(artifact)
        return Release(
            purl,
            tuple(artifacts),
            tuple(chosen or artifacts[:1]),
            min((a.published for a in artifacts if a.published), default=None),
            await self.metadata(purl),
            False,
            found.stale or document.stale,
        )

    async def metadata(self, purl: Purl) -> dict[str, Any]:
        about = mapping(await self.fetcher.document(self.path("api", "v1", "gems", f"{purl.name}.json")))
        agreed(about.get("name"), purl, purl.name)
        rows, _ = await self._rows(purl)
        number = purl.version or about.get("version")
        row = next((row for row in rows if row["number"] == number), {})
        links = inner(about.get("metadata"))
        names = ("homepage_uri", "source_code_uri", "bug_tracker_uri", "documentation_uri", "changelog_uri")
        urls = {key.removesuffix("_uri"): plain(about.get(key) or links.get(key), 500) for key in names}
        runtime = listing(inner(about.get("dependencies")).get("runtime"))
        return facts(
            {
                "name": purl.name,
                "version": plain(number, 128),
                "summary": plain(row.get("summary") or about.get("info")),
                "description": plain(row.get("description") or about.get("info"), 100_000),
                "home_page": urls["homepage"],
                "repository": urls["source_code"],
                "urls": facts(urls),
                "licence": ", ".join(plain(one, 100) for one in listing(row.get("licenses") or about.get("licenses"))),
                "authors": plain(row.get("authors") or about.get("authors"), 300),
                "dependencies": [
                    f"{plain(one.get('name'), 200)} {plain(one.get('requirements'), 200)}"
                    for one in map(inner, runtime)
                ],
                "published": moment(row.get("created_at") or about.get("version_created_at")),
                "downloads": about.get("downloads") if isinstance(about.get("downloads"), int) else None,
                "yanked": about.get("yanked") is True or None,
            }
        )

    async def new_releases(self, cursor: str) -> tuple[Sequence[NewRelease], str]:
        address = self.path("api", "v1", "activity", "just_updated.json")
        rows = listing((await self.fetcher.feed(address)).json())
        found = []
        for row in map(mapping, rows):
            try:
                purl = of_name("gem", str(row.get("name")), plain(row.get("version"), 128) or None)
            except InvalidPurl:
                continue
            found.append(NewRelease(purl, moment(row.get("version_created_at"))))
        return found, cursor

    async def _rows(self, purl: Purl) -> tuple[list[dict[str, Any]], Document]:
        document = await self.fetcher.document(self.path("api", "v1", "versions", f"{purl.name}.json"))
        rows = []
        for row in map(mapping, listing(document.json())):
            try:
                purl.at(str(row.get("number"))).check()
            except InvalidPurl:
                continue
            rows.append(row)
        return rows, document
