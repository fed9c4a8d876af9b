"""Maven Central and repositories of its layout: `maven-metadata.xml`, `.pom`, and files beside their checksums."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from pumpkin.adapters.registries import xml
from pumpkin.adapters.registries.base import Registry, agreed, digest
from pumpkin.errors import InvalidPurl, PackageNotFound
from pumpkin.model.documents import Document
from pumpkin.model.packages import Artifact, Release, Version, Versions, facts, moment, plain
from pumpkin.model.purl import Purl
from pumpkin.model.versions import newest, prerelease

HOUR_S = 3_600.0
_ENDINGS = {"bundle": "jar", "maven-plugin": "jar", "ejb": "jar", "eclipse-plugin": "jar", "pom": "", "hpi": "hpi"}
_PROPERTY = re.compile(r"\$\{(project|pom)\.(groupId|artifactId|version|name)\}")


class Maven(Registry):
    """There is no feed by name: watched packages are asked for one by one, and what is asked is kept an hour."""

    ecosystem: ClassVar[str] = "maven"

    async def versions(self, purl: Purl) -> Versions:
        document = await self.fetcher.document(f"{self._folder(purl)}/maven-metadata.xml", accept="application/xml")
        root = xml.read(document.body)
        agreed((root.value("groupId"), root.value("artifactId")), purl, (purl.namespace, purl.name))
        listed = root.child("versioning", "versions")
        found = []
        for element in listed.every("version") if listed else ():
            number = element.text.strip()
            try:
                purl.at(number).check()
            except InvalidPurl:
                continue
            found.append(Version(number, None, False, prerelease("maven", number)))
        numbers = {version.number for version in found}
        said = root.value("versioning", "release") or root.value("versioning", "latest")
        latest = said if said in numbers else newest("maven", numbers)
        return Versions(purl.at(None), tuple(found), latest, document.stale)

    async def release(self, purl: Purl, found: Versions) -> Release:
        pom, document = await self._pom(purl)
        packaging = pom.value("packaging") or "jar"
        ending = _ENDINGS.get(packaging, packaging if re.fullmatch(r"[a-z]{2,10}", packaging) else "jar")
        wanted = purl.qualifiers.get("type", ending)
        classifier = purl.qualifiers.get("classifier", "")
        artifacts = []
        if wanted and wanted != "pom":
            mark = f"-{classifier}" if classifier else ""
            artifacts.append(await self._file(purl, f"{mark}.{wanted}", "jar"))
            artifacts.append(await self._file(purl, "-sources.jar", "sources"))
        artifacts.append(await self._file(purl, ".pom", "pom"))
        there = tuple(artifact for artifact in artifacts if artifact is not None)
        main = tuple(artifact for artifact in there if artifact.kind != "pom") or there
        return Release(purl, there, main, None, _about(purl, pom), False, found.stale or document.stale)

    async def metadata(self, purl: Purl) -> dict[str, Any]:
        if purl.version is None:
            purl = purl.at((await self.versions(purl)).latest)
        pom, _ = await self._pom(purl)
        return _about(purl, pom)

    def _folder(self, purl: Purl) -> str:
        return self.path(*str(purl.namespace).split("."), purl.name)

    def _named(self, purl: Purl, ending: str) -> str:
        return f"{self._folder(purl)}/{self.escaped(str(purl.version))}/{self._filename(purl, ending)}"

    def _filename(self, purl: Purl, ending: str) -> str:
        return f"{purl.name}-{purl.version}{ending}"

    async def _pom(self, purl: Purl) -> tuple[xml.Element, Document]:
        url = self._named(purl, ".pom")
        document = await self.fetcher.document(url, accept="application/xml", fresh_s=HOUR_S, limit=8 << 20)
        pom = xml.read(document.body)
        agreed(pom.value("artifactId"), purl, purl.name)
        group = pom.value("groupId") or pom.value("parent", "groupId")
        if "${" not in group:
            agreed(group, purl, str(purl.namespace))
        return pom, document

    async def _file(self, purl: Purl, ending: str, kind: str) -> Artifact | None:
        """A file with the strongest checksum that stands beside it; None where there is neither (no such file)."""
        url = self._named(purl, ending)
        for name, length in (("sha512", 128), ("sha256", 64), ("sha1", 40), ("md5", 32)):
            try:
                document = await self.fetcher.document(f"{url}.{name}", accept="*/*", fresh_s=HOUR_S, limit=4_096)
            except PackageNotFound:
                continue
            words = document.body.decode("ascii", "replace").split()
            value = next((word for word in (digest(w, length) for w in words) if word), None)
            if value:
                return Artifact(url, self._filename(purl, ending), kind, {name: value})
        return None


def _about(purl: Purl, pom: xml.Element) -> dict[str, Any]:
    def filled(text: str, limit: int = 500) -> str:
        parts = {
            "groupId": str(purl.namespace),
            "artifactId": purl.name,
            "version": str(purl.version),
            "name": purl.name,
        }
        return plain(_PROPERTY.sub(lambda found: parts[found.group(2)], text), limit)

    scm = filled(pom.value("scm", "url")) or filled(pom.value("scm", "connection")).removeprefix("scm:git:")
    licences = pom.child("licenses")
    depends = pom.child("dependencies")
    people = pom.child("developers")
    return facts(
        {
            "name": purl.full_name,
            "version": purl.version,
            "summary": filled(pom.value("name")),
            "description": filled(pom.value("description"), 10_000),
            "home_page": filled(pom.value("url")),
            "repository": scm,
            "licence": ", ".join(
                plain(one.value("name"), 200) for one in (licences.every("license") if licences else ())
            ),
            "authors": [plain(one.value("name"), 200) for one in (people.every("developer") if people else ())][:100],
            "dependencies": [
                filled(f"{one.value('groupId')}:{one.value('artifactId')}:{one.value('version')}".rstrip(":"))
                for one in (depends.every("dependency") if depends else ())
            ][:2_000],
            "packaging": plain(pom.value("packaging"), 60),
            "published": moment(None),
        }
    )
