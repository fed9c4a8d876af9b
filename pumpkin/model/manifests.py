"""Purls out of the files projects name their dependencies in: lock files, requirements, bills of materials."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pumpkin.errors import InvalidRequest, PumpkinError
from pumpkin.model.purl import Purl, of_name

_REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[[^\]]*\])?\s*(?:\(?\s*===?\s*(?P<version>[^\s;,)*]+)\)?)?"
    r"(?P<more>[^;#]*)"
)


@dataclass(frozen=True, slots=True)
class Found:
    """The purls a file names, canonical and each once, in its order; what it names besides, as it says it."""

    purls: tuple[str, ...]
    skipped: tuple[str, ...]


def read(name: str, text: str) -> Found:
    """The packages of the manifest called `name`. InvalidRequest when it is none of those known or does not parse."""
    file = name.replace("\\", "/").rpartition("/")[2].casefold()
    try:
        entries = list(_entries(file, text))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidRequest(f"The manifest cannot be read: {str(error)[:120]}") from None
    purls = tuple(dict.fromkeys(purl for purl, _ in entries if purl))
    return Found(purls, tuple(dict.fromkeys(said[:200] for purl, said in entries if not purl)))


def known(name: str) -> bool:
    """Whether a file of this name is a manifest to `read`."""
    file = name.replace("\\", "/").rpartition("/")[2].casefold()
    return file.endswith((".txt", ".json")) or file in ("uv.lock", "poetry.lock", "cargo.lock")


Entry = tuple[str | None, str]


def _entries(file: str, text: str) -> Iterator[Entry]:
    if file.endswith(".txt") or file.endswith(".in"):
        yield from _requirements(text)
    elif file in ("uv.lock", "poetry.lock"):
        yield from _locked("pypi", tomllib.loads(text)["package"])
    elif file == "cargo.lock":
        yield from _locked("cargo", tomllib.loads(text)["package"])
    elif file.endswith(".json"):
        yield from _json(json.loads(text))
    else:
        raise ValueError("it is no requirements.txt, package-lock.json, uv.lock, poetry.lock, Cargo.lock or SBOM")


def _requirements(text: str) -> Iterator[Entry]:
    for line in text.replace("\\\n", " ").splitlines():
        said = line.partition(" #")[0].strip()
        if not said or said.startswith("#"):
            continue
        said = said.partition(" --hash")[0].strip()
        match = _REQUIREMENT.match(said)
        if said.startswith("-") or "://" in said or " @ " in said or match is None:
            yield None, said
        else:
            yield _named("pypi", match["name"], match["version"]), said


def _locked(ecosystem: str, packages: Iterable[dict[str, Any]]) -> Iterator[Entry]:
    for one in packages:
        source = one.get("source", {})
        local = isinstance(source, dict) and bool(
            source.keys() & {"virtual", "editable", "directory", "path", "git", "url"}
        )
        if ecosystem == "cargo":
            local = not str(source or "").startswith("registry+")
        name, version = str(one["name"]), str(one.get("version", "")) or None
        yield (None if local else _named(ecosystem, name, version)), f"{name} {version or ''}".strip()


def _json(document: Any) -> Iterator[Entry]:
    if "lockfileVersion" in document:
        yield from _npm(document)
    elif document.get("bomFormat") == "CycloneDX":
        yield from (_component(one) for one in document.get("components", []))
    elif "spdxVersion" in document:
        for one in document.get("packages", []):
            references = one.get("externalRefs", [])
            purl = next((r["referenceLocator"] for r in references if r.get("referenceType") == "purl"), None)
            yield _canonical(purl), str(purl or one.get("name", ""))
    else:
        raise ValueError("it is no package-lock.json, CycloneDX or SPDX document")


def _npm(document: dict[str, Any]) -> Iterator[Entry]:
    if "packages" in document:
        for path, one in document["packages"].items():
            if not path:
                continue
            name = str(one.get("name") or path.rpartition("node_modules/")[2])
            foreign = one.get("link") or not str(one.get("resolved", "https:")).startswith("http")
            yield (None if foreign else _named("npm", name, one.get("version"))), f"{name} {one.get('version', '')}"
        return
    waiting = list(document.get("dependencies", {}).items())
    while waiting:
        name, one = waiting.pop(0)
        waiting += one.get("dependencies", {}).items()
        yield _named("npm", name, one.get("version")), f"{name} {one.get('version', '')}"


def _component(one: dict[str, Any]) -> Entry:
    purl = one.get("purl")
    return _canonical(purl), str(purl or one.get("name", ""))


def _named(ecosystem: str, name: str, version: str | None) -> str | None:
    try:
        return of_name(ecosystem, name, version).canonical
    except PumpkinError:
        return None


def _canonical(purl: Any) -> str | None:
    try:
        return Purl.package(purl).canonical if isinstance(purl, str) else None
    except PumpkinError:
        return None
