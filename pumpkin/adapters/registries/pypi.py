"""PyPI and indexes like it: PEP 691 JSON or PEP 503 pages for files, the JSON API or PEP 658 for what they say."""

from __future__ import annotations

import asyncio
import email.parser
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar
from urllib.parse import quote, unquote, urldefrag, urljoin, urlsplit

from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename
from packaging.version import InvalidVersion

from pumpkin.adapters.registries import xml
from pumpkin.adapters.registries.base import Registry, agreed, digest, inner, listing, mapping, size_of
from pumpkin.adapters.registries.fetch import Fetcher
from pumpkin.adapters.registries.html import Links
from pumpkin.errors import InvalidPurl, PackageNotFound, RegistryError
from pumpkin.model.documents import Document
from pumpkin.model.packages import Artifact, NewRelease, Release, Version, Versions, facts, file_name, moment, plain
from pumpkin.model.purl import Purl
from pumpkin.model.versions import newest, order, prerelease, same

ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
LARGE = 64 * 1024
REMEMBERED = 32  # packages whose files stay read
_RUN = re.compile(r"[-_.]+")
_OLD_ENDS = (".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz", ".egg", ".exe", ".msi", ".rpm", ".deb")


@dataclass(frozen=True, slots=True)
class _File:
    version: str
    artifact: Artifact
    metadata_url: str | None = None


class PyPI(Registry):
    """`url` is the simple index's base (`.../simple`); JSON API and feeds stand beside it where there are any."""

    ecosystem: ClassVar[str] = "pypi"

    def __init__(self, fetcher: Fetcher, url: str) -> None:
        super().__init__(fetcher, url)
        self._read: dict[str, tuple[bytes, list[_File]]] = {}

    @property
    def _site(self) -> str:
        return self.url.removesuffix("/simple")

    async def versions(self, purl: Purl) -> Versions:
        files, document = await self._files(purl)
        by_version: dict[str, list[Artifact]] = {}
        for file in files:
            by_version.setdefault(file.version, []).append(file.artifact)
        found = [
            Version(
                number,
                min((a.published for a in artifacts if a.published), default=None),
                all(a.yanked for a in artifacts),
                prerelease("pypi", number),
            )
            for number, artifacts in by_version.items()
        ]
        found.sort(key=lambda version: order("pypi", version.number))
        latest = newest("pypi", [v.number for v in found if not v.yanked])
        return Versions(purl.at(None), tuple(found), latest, document.stale)

    async def release(self, purl: Purl, found: Versions) -> Release:
        files, document = await self._files(purl)
        mine = [file for file in files if file.version == purl.version]
        artifacts = tuple(file.artifact for file in mine)
        return Release(
            purl,
            artifacts,
            _chosen(artifacts),
            min((a.published for a in artifacts if a.published), default=None),
            await self.metadata(purl),
            bool(artifacts) and all(a.yanked for a in artifacts),
            found.stale or document.stale,
        )

    def same(self, wanted: str | None, published: Sequence[str]) -> str | None:
        return same("pypi", wanted or "", published)

    async def metadata(self, purl: Purl) -> dict[str, Any]:
        if purl.version:
            about = await self._json_metadata(purl, f"{purl.name}/{quote(purl.version, safe='+!')}")
            about = about or await self._core_metadata(purl)
            if about:
                return about
        return await self._json_metadata(purl, purl.name) or facts({"name": purl.name, "version": purl.version})

    async def _json_metadata(self, purl: Purl, path: str) -> dict[str, Any]:
        """The JSON API's answer; {} where the index has no such API, or not for this version (mirrors)."""
        try:
            answer = mapping(await self.fetcher.document(f"{self._site}/pypi/{path}/json"))
        except (PackageNotFound, RegistryError):
            return {}
        info = mapping(answer.get("info"))
        agreed(_RUN.sub("-", str(info.get("name"))).lower(), purl, purl.name)
        return _about(info, listing(answer.get("urls")), answer.get("ownership"))

    async def _core_metadata(self, purl: Purl) -> dict[str, Any]:
        """PEP 658, for an index without the JSON API: the METADATA file of a wheel."""
        files, _ = await self._files(purl)
        with_file = [file for file in files if file.version == purl.version and file.metadata_url]
        if not with_file:
            return {}
        document = await self.fetcher.document(str(with_file[-1].metadata_url), accept="*/*", limit=4 << 20)
        message = email.parser.Parser().parsestr(document.body.decode("utf-8", "replace"))
        info: dict[str, Any] = {key.lower().replace("-", "_"): message[key] for key in message.keys()}  # noqa: SIM118
        info["requires_dist"] = message.get_all("Requires-Dist")
        info["classifiers"] = message.get_all("Classifier")
        pairs = (value.partition(",") for value in message.get_all("Project-URL") or ())
        info["project_urls"] = {label.strip(): url.strip() for label, _, url in pairs}
        info["description"] = message.get_payload() or info.get("description")
        return _about(info, [], None)

    async def new_releases(self, cursor: str) -> tuple[Sequence[NewRelease], str]:
        document = await self.fetcher.feed(f"{self._site}/rss/updates.xml", accept="application/rss+xml")
        channel = xml.read(document.body).child("channel")
        found: list[NewRelease] = []
        for item in channel.every("item") if channel else ():
            name, _, version = item.value("title").partition(" ")
            try:
                purl = Purl.build("pypi", None, name, version.strip())
                purl.check()
            except InvalidPurl:
                continue
            found.append(NewRelease(purl, rss_moment(item.value("pubDate"))))
        return found, cursor

    async def _files(self, purl: Purl) -> tuple[list[_File], Document]:
        document = await self.fetcher.document(f"{self.url}/{purl.name}/", accept=ACCEPT)
        known = self._read.get(purl.name)
        if known is None or known[0] is not document.body:
            read = self._of_json if "json" in document.media else self._of_html
            if len(document.body) > LARGE:  # in a thread the loop goes on between its steps
                known = document.body, await asyncio.to_thread(read, purl, document)
            else:
                known = document.body, read(purl, document)
            self._read.pop(purl.name, None)
            while len(self._read) >= REMEMBERED:
                self._read.pop(next(iter(self._read)))
            self._read[purl.name] = known
        return known[1], document

    def _of_json(self, purl: Purl, document: Document) -> list[_File]:
        answer = mapping(document)
        agreed(_RUN.sub("-", str(answer.get("name"))).lower(), purl, purl.name)
        found = []
        for entry in map(mapping, listing(answer.get("files"))):
            url = urljoin(document.url.partition(" ")[0], str(entry.get("url")))
            hashes = inner(entry.get("hashes"))
            more = {
                "size": size_of(entry.get("size")),
                "published": moment(entry.get("upload-time")),
                "yanked": bool(entry.get("yanked")),
                "provenance": _address(document, entry.get("provenance")),
            }
            core = entry.get("core-metadata") or entry.get("dist-info-metadata")
            file = _file(purl, url, entry.get("filename"), _digests(hashes), more, bool(core))
            if file is not None:
                found.append(file)
        return found

    def _of_html(self, purl: Purl, document: Document) -> list[_File]:
        found = []
        page = document.body.decode("utf-8", "replace")
        links = Links.of(page)
        if not links and "links for" not in page.lower():
            raise RegistryError("The index's answer is no page of files.")
        for link in links:
            url, fragment = urldefrag(urljoin(document.url.partition(" ")[0], link.href))
            name, _, value = fragment.partition("=")
            more = {
                "published": moment(link.data.get("data-upload-time")),
                "yanked": "data-yanked" in link.data,
                "provenance": _address(document, link.data.get("data-provenance")),
            }
            core = "data-core-metadata" in link.data or "data-dist-info-metadata" in link.data
            file = _file(purl, url, link.text, _digests({name: value}), more, core)
            if file is not None:
                found.append(file)
        return found


def _address(document: Document, said: Any) -> str:
    """An address as a document names it, '' for none."""
    return urljoin(document.url.partition(" ")[0], said)[:2_000] if isinstance(said, str) and said else ""


def _file(
    purl: Purl, url: str, named: Any, digests: Mapping[str, str], more: Mapping[str, Any], core: bool
) -> _File | None:
    """One file of the index; None for what is no distribution of this package."""
    filename = file_name(unquote(urlsplit(url).path)) or file_name("/" + plain(named, 255))
    if filename is None:
        return None
    try:
        if filename.endswith(".whl"):
            name, version, _, _ = parse_wheel_filename(filename)
            kind, number = "wheel", str(version)
        elif filename.endswith((".tar.gz", ".zip")):
            name, version = parse_sdist_filename(filename)
            kind, number = "sdist", str(version)
        else:
            raise InvalidSdistFilename
    except (InvalidSdistFilename, InvalidWheelFilename, InvalidVersion):
        kind = "sdist" if filename.endswith((".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tar.xz")) else "other"
        number = _old_version(purl.name, filename)
        name = purl.name  # type: ignore[assignment]
    if name != purl.name or not number:
        return None
    try:
        purl.at(number).check()
    except InvalidPurl:
        return None
    return _File(number, Artifact(url, filename, kind, digests, **more), url + ".metadata" if core else None)


def _old_version(name: str, filename: str) -> str:
    """The version in a file name from before the rules (`name-1.0beta.win32.exe`); '' where none can be told."""
    stem = next((filename.removesuffix(end) for end in _OLD_ENDS if filename.endswith(end)), "")
    for at, letter in enumerate(stem):
        if letter == "-" and _RUN.sub("-", stem[:at]).lower() == name:
            rest = re.match(r"[0-9][A-Za-z0-9.!+_]*?(?=-|\.(?:win|linux|macosx)|\Z)", stem[at + 1 :])
            return rest.group() if rest else ""
    return ""


def _digests(found: Mapping[str, Any]) -> dict[str, str]:
    lengths = {"sha256": 64, "sha512": 128, "sha384": 96, "sha1": 40, "md5": 32}
    checked = {name: digest(found.get(name), length) for name, length in lengths.items()}
    return {name: value for name, value in checked.items() if value}


def _chosen(artifacts: Sequence[Artifact]) -> tuple[Artifact, ...]:
    """The source distribution and the wheel pip would pick on Linux (rulings.md 27)."""
    sources = [a for a in artifacts if a.kind == "sdist" and not a.yanked] or [
        a for a in artifacts if a.kind == "sdist"
    ]
    sources.sort(key=lambda a: (not a.filename.endswith(".tar.gz"), a.filename))
    wheels = sorted((a for a in artifacts if a.kind == "wheel"), key=lambda a: (a.yanked, _distance(a), a.filename))
    found = (*sources[:1], *wheels[:1])
    return found or tuple(artifacts[:1])


def _distance(wheel: Artifact) -> int:
    """How far a wheel is from a Linux machine's first choice; binary ones before pure ones, as pip's tags order."""
    platform = wheel.filename.removesuffix(".whl").rpartition("-")[2]
    if "manylinux" in platform and "x86_64" in platform:
        return 0
    if platform == "any":
        return 1
    return 2 if "linux" in platform else 3


def _about(info: Mapping[str, Any], files: Sequence[Any], ownership: Any) -> dict[str, Any]:
    urls = {plain(k, 100): plain(v, 500) for k, v in (info.get("project_urls") or {}).items() if isinstance(v, str)}
    uploads = [moment(entry.get("upload_time_iso_8601")) for entry in files if isinstance(entry, dict)]
    return facts(
        {
            "name": plain(info.get("name"), 250),
            "version": plain(info.get("version"), 128),
            "summary": plain(info.get("summary")),
            "description": plain(info.get("description"), 100_000),
            "home_page": plain(info.get("home_page"), 500),
            "repository": _repository(urls),
            "urls": urls,
            "licence": plain(info.get("license_expression") or info.get("license"), 300),
            "authors": facts({"name": plain(info.get("author"), 300), "email": plain(info.get("author_email"), 300)}),
            "maintainers": [plain(inner(o).get("user"), 100) for o in listing(inner(ownership).get("roles"))][:100],
            "keywords": plain(info.get("keywords"), 500),
            "classifiers": [plain(c, 200) for c in info.get("classifiers") or [] if isinstance(c, str)][:200],
            "dependencies": [plain(d, 500) for d in info.get("requires_dist") or [] if isinstance(d, str)][:2_000],
            "requires_python": plain(info.get("requires_python"), 200),
            "published": min((u for u in uploads if u), default=None),
            "yanked": info.get("yanked") is True or None,
            "yanked_reason": plain(info.get("yanked_reason"), 500),
        }
    )


def _repository(urls: Mapping[str, str]) -> str:
    """The link that a project calls its source."""
    for label, url in urls.items():
        if re.sub(r"[^a-z]", "", label.lower()) in ("source", "sourcecode", "repository", "github", "code", "gitlab"):
            return url
    return ""


def rss_moment(text: str) -> datetime | None:
    """The time of an RSS item (RFC 822), None where it is none."""
    try:
        return moment(parsedate_to_datetime(text).isoformat())
    except (ValueError, TypeError):
        return None
