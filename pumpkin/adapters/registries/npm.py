"""The npm registry and registries like it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from pumpkin.adapters.registries.base import Registry, agreed, digest, inner, listing, mapping
from pumpkin.adapters.registries.fetch import Fetcher
from pumpkin.errors import InvalidPurl, RegistryError
from pumpkin.model.documents import Document
from pumpkin.model.packages import Artifact, NewRelease, Release, Version, Versions, facts, file_name, moment, plain
from pumpkin.model.purl import Purl, of_name
from pumpkin.model.versions import newest, prerelease

ABBREVIATED = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8"
FEED_PAGE = 500
_HOOKS = ("preinstall", "install", "postinstall", "prepare", "preprepare", "postprepare")


class Npm(Registry):
    """`changes` is the address of the replication feed (`.../_changes`), '' where there is none."""

    ecosystem: ClassVar[str] = "npm"

    def __init__(self, fetcher: Fetcher, url: str, changes: str = "") -> None:
        super().__init__(fetcher, url)
        self._changes = changes

    async def versions(self, purl: Purl) -> Versions:
        answer, document = await self._document(purl)
        tags = inner(answer.get("dist-tags"))
        times = inner(answer.get("time"))
        found = tuple(
            Version(number, moment(times.get(number)), _deprecated(entry), prerelease("npm", number))
            for number, entry in self._entries(purl, answer)
        )
        numbers = {version.number for version in found}
        latest = tags.get("latest")
        return Versions(purl.at(None), found, latest if latest in numbers else newest("npm", numbers), document.stale)

    async def release(self, purl: Purl, found: Versions) -> Release:
        answer, document = await self._document(purl)
        entry = dict(self._entries(purl, answer))[str(purl.version)]
        dist = mapping(entry.get("dist"))
        url = str(dist.get("tarball"))
        artifact = Artifact(
            url,
            file_name(urlsplit(url).path) or f"{purl.name}.tgz",
            "tarball",
            _digests(dist),
            published=next((v.published for v in found.versions if v.number == purl.version), None),
            provenance=plain(inner(dist.get("attestations")).get("url"), 2_000),
        )
        about = await self.metadata(purl)
        deprecated = bool(about.get("yanked"))
        return Release(
            purl, (artifact,), (artifact,), artifact.published, about, deprecated, found.stale or document.stale
        )

    async def metadata(self, purl: Purl) -> dict[str, Any]:
        answer, _ = await self._document(purl)
        entries = dict(self._entries(purl, answer))
        tags = inner(answer.get("dist-tags"))
        number = purl.version or tags.get("latest") or newest("npm", entries)
        entry = entries.get(str(number), {})
        if "scripts" not in entry and number:  # the abbreviated form leaves out what matters here
            entry = mapping(await self.fetcher.document(f"{self._address(purl)}/{quote(str(number), safe='+')}"))
            agreed(entry.get("name"), purl, purl.full_name)
        return _about(purl, entry, answer)

    async def new_releases(self, cursor: str) -> tuple[Sequence[NewRelease], str]:
        if not self._changes:
            return (), cursor
        if not cursor:  # from now on: the feed's past is the whole registry
            answer = mapping(await self.fetcher.feed(f"{self._changes}?descending=true&limit=1", fresh_s=0))
            return (), plain(str(answer.get("last_seq", "0")), 80)
        answer = mapping(
            await self.fetcher.feed(f"{self._changes}?since={quote(cursor, safe='')}&limit={FEED_PAGE}", fresh_s=0)
        )
        found: dict[str, NewRelease] = {}
        for change in map(mapping, listing(answer.get("results"))):
            try:
                if not change.get("deleted"):
                    found[str(change.get("id"))] = NewRelease(of_name("npm", str(change.get("id"))))
            except InvalidPurl:
                continue
        return list(found.values()), plain(str(answer.get("last_seq", cursor)), 80)

    def _address(self, purl: Purl) -> str:
        return f"{self.url}/{quote(purl.full_name, safe='@')}"

    async def _document(self, purl: Purl) -> tuple[dict[str, Any], Document]:
        document = await self.fetcher.document(self._address(purl), accept=ABBREVIATED)
        answer = mapping(document)
        agreed(answer.get("name"), purl, purl.full_name)
        return answer, document

    def _entries(self, purl: Purl, answer: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        found = []
        for number, entry in mapping(answer.get("versions") or {}).items():
            try:
                purl.at(number).check()
            except InvalidPurl:
                continue
            if isinstance(entry, dict):
                found.append((number, entry))
        return found


def _digests(dist: Mapping[str, Any]) -> dict[str, str]:
    """The integrity (SRI) and the old shasum, in hex."""
    found = {}
    for part in str(dist.get("integrity") or "").split():
        name, _, value = part.partition("-")
        if name in ("sha512", "sha384", "sha256", "sha1"):
            try:
                found[name] = base64.b64decode(value.partition("?")[0], validate=True).hex()
            except binascii.Error as error:
                raise RegistryError("A package's integrity is not base64.") from error
    shasum = digest(dist.get("shasum"), 40)
    return found | ({"sha1": shasum} if shasum else {})


def _deprecated(entry: Mapping[str, Any]) -> bool:
    return bool(entry.get("deprecated"))


def _about(purl: Purl, entry: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    scripts = inner(entry.get("scripts"))
    times = inner(answer.get("time"))
    depends = inner(entry.get("dependencies"))
    return facts(
        {
            "name": purl.full_name,
            "version": plain(entry.get("version"), 128),
            "summary": plain(entry.get("description") or answer.get("description")),
            "description": plain(answer.get("readme"), 100_000),
            "home_page": plain(entry.get("homepage") or answer.get("homepage"), 500),
            "repository": _address_of(entry.get("repository") or answer.get("repository")),
            "licence": plain(_named(entry.get("license"), "type"), 300),
            "authors": plain(_named(entry.get("author"), "name"), 300),
            "maintainers": [plain(_named(m, "name"), 100) for m in _list(answer.get("maintainers"))][:100],
            "keywords": [plain(k, 100) for k in _list(entry.get("keywords")) if isinstance(k, str)][:100],
            "dependencies": [f"{plain(k, 214)}@{plain(v, 200)}" for k, v in depends.items()][:2_000],
            "install_scripts": {hook: plain(scripts[hook]) for hook in _HOOKS if isinstance(scripts.get(hook), str)}
            or entry.get("hasInstallScript"),
            "published": moment(times.get(str(entry.get("version")))),
            "yanked": _deprecated(entry) or None,
            "yanked_reason": plain(entry.get("deprecated"), 500),
        }
    )


def _address_of(value: Any) -> str:
    """npm's `repository`: a text, `owner/name` of the best-known forge, or an object with `url`."""
    text = plain(_named(value, "url"), 500)
    return text.removeprefix("git+")


def _named(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
