"""What each registry answers, in its true shape, from what was published here."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Published:
    """One version with its files by name."""

    name: str
    version: str
    files: dict[str, bytes]
    number: int = 0
    yanked: bool = False
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def time(self) -> datetime:
        return START + timedelta(hours=self.number)

    @property
    def stamp(self) -> str:
        return self.time.isoformat().replace("+00:00", "Z")


def sha(data: bytes, name: str = "sha256") -> str:
    return hashlib.new(name, data).hexdigest()


def pypi_simple(base: str, name: str, versions: Sequence[Published]) -> dict[str, Any]:
    files = [
        {
            "filename": filename,
            "url": f"{base}/pypi/files/{filename}",
            "hashes": {"sha256": sha(data)},
            "size": len(data),
            "upload-time": one.stamp,
            "yanked": "broken" if one.yanked else False,
            "requires-python": ">=3.8",
            "core-metadata": False,
            "provenance": f"{base}/pypi/files/{one.extra['signed']}" if "signed" in one.extra else None,
        }
        for one in versions
        for filename, data in one.files.items()
    ]
    return {"meta": {"api-version": "1.1"}, "name": name, "versions": [v.version for v in versions], "files": files}


def pypi_page(base: str, name: str, versions: Sequence[Published]) -> str:
    """PEP 503, as mirrors serve it."""
    links = "".join(
        f'<a href="{base}/pypi/files/{filename}#sha256={sha(data)}" data-upload-time="{one.stamp}"'
        f"{' data-yanked=broken' if one.yanked else ''}>{filename}</a><br/>\n"
        for one in versions
        for filename, data in one.files.items()
    )
    return f"<!DOCTYPE html><html><head><title>Links for {name}</title></head><body>{links}</body></html>"


def pypi_json(versions: Sequence[Published], version: str | None) -> dict[str, Any]:
    one = next((v for v in versions if v.version == version), versions[-1])
    info = {
        "name": one.name,
        "version": one.version,
        "summary": "A thing",
        "author": "Somebody",
        "license": "MIT",
        "project_urls": {"Source": "https://forge.example/thing"},
        "requires_dist": ["six>=1"],
        "yanked": one.yanked,
        **one.extra,
    }
    return {"info": info, "urls": [{"upload_time_iso_8601": one.stamp}], "last_serial": 1}


def npm_document(base: str, name: str, versions: Sequence[Published], *, abbreviated: bool) -> dict[str, Any]:
    entries = {}
    for one in versions:
        filename, data = next(iter(one.files.items()))
        entry: dict[str, Any] = {
            "name": name,
            "version": one.version,
            "dependencies": {"left-pad": "^1.0.0"},
            "dist": {
                "tarball": f"{base}/npm/{name}/-/{filename}",
                "integrity": "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode(),
                "shasum": sha(data, "sha1"),
                "fileCount": 3,
            },
        }
        if "signed" in one.extra:
            entry["dist"]["attestations"] = {"url": f"{base}/npm/{name}/-/{one.extra['signed']}"}
        if one.yanked:
            entry["deprecated"] = "do not use"
        if not abbreviated:
            entry |= {
                "description": "A thing",
                "repository": {"type": "git", "url": "git+https://forge.example/thing.git"},
                "license": "MIT",
                "scripts": {"postinstall": "node setup.js", "test": "true"},
                **one.extra,
            }
        elif "scripts" in one.extra:
            entry["hasInstallScript"] = True
        entries[one.version] = entry
    latest = [v.version for v in versions if "-" not in v.version] or [versions[-1].version]
    document: dict[str, Any] = {"name": name, "dist-tags": {"latest": latest[-1]}, "versions": entries}
    if not abbreviated:
        document |= {"_id": name, "time": {v.version: v.stamp for v in versions}, "readme": "# thing"}
    return document


def gem_versions(versions: Sequence[Published]) -> list[dict[str, Any]]:
    """Newest first; a row a platform."""
    rows = []
    for one in reversed(versions):
        for filename, data in one.files.items():
            platform = filename.removesuffix(".gem").removeprefix(f"{one.name}-{one.version}").strip("-") or "ruby"
            rows.append(
                {
                    "number": one.version,
                    "platform": platform,
                    "sha": sha(data),
                    "created_at": one.stamp,
                    "prerelease": any(c.isalpha() for c in one.version),
                    "summary": "A thing",
                    "licenses": ["MIT"],
                    "authors": "Somebody",
                }
            )
    return rows


def gem_about(versions: Sequence[Published]) -> dict[str, Any]:
    one = versions[-1]
    return {
        "name": one.name,
        "version": one.version,
        "info": "A thing",
        "downloads": 7,
        "source_code_uri": "https://forge.example/thing",
        "homepage_uri": None,
        "metadata": {"changelog_uri": "https://forge.example/thing/changes"},
        "dependencies": {"runtime": [{"name": "rake", "requirements": ">= 12"}], "development": []},
    }


def maven_metadata(group: str, artifact: str, versions: Sequence[Published]) -> str:
    listed = "".join(f"<version>{one.version}</version>" for one in versions)
    newest = versions[-1].version
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<metadata><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
        f"<versioning><latest>{newest}</latest><release>{newest}</release><versions>{listed}</versions>"
        f"<lastUpdated>20260131090000</lastUpdated></versioning></metadata>"
    )


def pom(group: str, artifact: str, version: str, packaging: str = "jar") -> bytes:
    return (
        f'<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        f"<parent><groupId>{group}</groupId><artifactId>parent</artifactId><version>1</version></parent>"
        f"<artifactId>{artifact}</artifactId><version>{version}</version><packaging>{packaging}</packaging>"
        f"<name>Thing</name><url>https://forge.example/thing</url><licenses><license><name>MIT</name></license></licenses>"
        f"<scm><url>https://forge.example/${{project.artifactId}}</url></scm><dependencies><dependency>"
        f"<groupId>org.other</groupId><artifactId>dep</artifactId><version>2</version></dependency></dependencies></project>"
    ).encode()


def composer_p2(base: str, name: str, versions: Sequence[Published]) -> dict[str, Any]:
    """Newest first, each version only what differs from the one before (composer/metadata-minifier)."""
    rows: list[dict[str, Any]] = []
    before: dict[str, Any] = {}
    for one in reversed(versions):
        filename, data = next(iter(one.files.items()))
        whole: dict[str, Any] = {
            "name": name,
            "version": one.version,
            "version_normalized": f"{one.version.removeprefix('v')}.0",
            "description": "A thing",
            "license": ["MIT"],
            "source": {"type": "git", "url": "https://forge.example/thing.git", "reference": sha(data, "sha1")},
            "dist": {
                "type": "zip",
                "url": f"{base}/composer/files/{filename}",
                "shasum": sha(data, "sha1"),
                "reference": sha(data, "sha1"),
            },
            "time": one.time.isoformat(),
            "require": {"php": ">=8.1"},
            **one.extra,
        }
        part = {key: value for key, value in whole.items() if before.get(key) != value}
        part |= {key: "__unset" for key in before if key not in whole}
        rows.append(part)
        before = whole
    return {"minified": "composer/2.0", "packages": {name: rows}, "security-advisories": []}


def crate_lines(versions: Sequence[Published]) -> bytes:
    rows = []
    for one in versions:
        data = next(iter(one.files.values()))
        rows.append(
            {
                "name": one.name,
                "vers": one.version,
                "deps": [{"name": "libc", "req": "^0.2", "kind": "normal"}, {"name": "t", "req": "*", "kind": "dev"}],
                "cksum": sha(data),
                "features": {},
                "yanked": one.yanked,
            }
        )
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def crate_about(versions: Sequence[Published]) -> dict[str, Any]:
    rows = [{"num": v.version, "created_at": v.stamp, "license": "MIT", "yanked": v.yanked} for v in versions]
    name = versions[-1].name
    crate = {"id": name, "name": name, "description": "A thing", "repository": "https://forge.example/thing"}
    return {"crate": {**crate, "downloads": 7, "keywords": None}, "versions": rows[::-1]}


def apkindex(packages: Sequence[Published]) -> bytes:
    """Two gzip streams behind each other: a signature, and the index with DESCRIPTION and APKINDEX."""
    text = ""
    for one in packages:
        data = next(iter(one.files.values()))
        control = base64.b64encode(bytes.fromhex(control_sha1(data))).decode()
        text += (
            f"C:Q1{control}\nP:{one.name}\nV:{one.version}\nA:x86_64\nS:{len(data)}\nI:{len(data) * 3}\n"
            f"T:A thing\nU:https://forge.example/thing\nL:MIT\no:{one.name}\nt:{int(one.time.timestamp())}\n"
            f"c:{'0' * 40}\nD:so:libc.so.6\n\n"
        )
    signature = _tar({".SIGN.RSA256.wolfi-signing.rsa.pub": b"signature"}, end=False)
    return signature + _tar({"DESCRIPTION": b"v1", "APKINDEX": text.encode()}, end=True)


def apk(name: str, version: str) -> bytes:
    """Three gzip streams: signature, control, data."""
    data = _tar({"usr/bin/thing": f"{name} {version}".encode() * 20}, end=True)
    info = f"pkgname = {name}\npkgver = {version}\narch = x86_64\ndatahash = {sha(data)}\n"
    signature = _tar({".SIGN.RSA256.wolfi-signing.rsa.pub": b"signature"}, end=False)
    return signature + _tar({".PKGINFO": info.encode()}, end=False) + data


def control_sha1(data: bytes) -> str:
    """Of the second stream; of the first bytes where the file is no apk."""
    streams, rest = [], data
    while rest[:2] == b"\x1f\x8b" and len(streams) < 2:
        stream = zlib.decompressobj(31)
        stream.decompress(rest)
        streams.append(rest[: len(rest) - len(stream.unused_data)])
        rest = stream.unused_data
    return sha(streams[1] if len(streams) > 1 else data[:10], "sha1")


def _tar(members: dict[str, bytes], *, end: bool) -> bytes:
    import gzip

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        size = buffer.tell()
    whole = buffer.getvalue()
    return gzip.compress(whole if end else whole[:size], mtime=0)


def rss(items: Sequence[tuple[str, datetime]], more: Sequence[str] = ()) -> str:
    from email.utils import format_datetime

    extra = list(more) or [""] * len(items)
    listed = "".join(
        f"<item><title>{title}</title><pubDate>{format_datetime(when)}</pubDate>{tail}</item>"
        for (title, when), tail in zip(items, extra, strict=True)
    )
    crates = 'xmlns:crates="https://crates.example/rss"'
    return f'<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" {crates}><channel>{listed}</channel></rss>'
