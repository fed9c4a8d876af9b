"""All static tools over one artifact: bytes in; findings, gaps, the files' hashes and the rule set's hash out.

The answer depends on the bytes and the rules alone: the same evidence gives the same verdict on any machine and day.
Untrusted bytes are best handed to `pumpkin.adapters.scanner`, which runs `scan` in a confined process of its own.
"""

from __future__ import annotations

import gc
import hashlib
import importlib.metadata
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email.parser import BytesHeaderParser
from email.policy import compat32
from typing import Any

from pumpkin.analysis import archive, hooks, javascript, metadata, python, text, verdict
from pumpkin.analysis.archive import Gap, Limits, Member
from pumpkin.analysis.grading import lowered
from pumpkin.analysis.scans import FileFact, Scan
from pumpkin.model.findings import Finding, Group, quoted

VERSION = 7
"""Counted up whenever code of the analysis changes what it finds; part of the rule set's hash."""

COLLECTED_EVERY = 50_000
"""Objects made between two collections of a scan."""

_log = logging.getLogger(__name__)
Tool = Callable[[Mapping[str, bytes]], tuple[list[Finding], list[str], list[str]]]


@dataclass(slots=True)
class _Looked:
    """What was read and found before it is weighed."""

    files: dict[str, bytes] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def scan(
    data: bytes, name: str, ecosystem: str = "", *, packs: Sequence[text.Rules] = (), limits: Limits | None = None
) -> Scan:
    """Everything the static tools say of an archive (wheel, sdist, npm tarball, gem, crate, ...) of this file name.

    `ecosystem` is a purl type (`pypi`, `npm`, ...); empty, it is told by the archive's papers. Never raises for what
    the bytes hold: broken archives and failed tools are gaps.
    """
    looked = _Looked()
    with _seldom_collected():
        for part in archive.read(data, name, limits):
            if isinstance(part, Member):
                looked.files[part.path] = part.data
            elif isinstance(part, Gap):
                looked.gaps.append(part.what)
            else:
                looked.findings.append(part)
        artifact = {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        return _scanned(looked, artifact, ecosystem, packs)


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """In here the trees of a package's sources are not gone through for garbage again and again: a fifth of it all."""
    before = gc.get_threshold()
    gc.set_threshold(COLLECTED_EVERY, 50, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def scan_files(
    files: Mapping[str, bytes],
    name: str,
    ecosystem: str = "",
    *,
    packs: Sequence[text.Rules] = (),
    gaps: Iterable[str] = (),
) -> Scan:
    """The same of files that lie unpacked, by their paths; the digest is over sorted paths and contents."""
    looked = _Looked(dict(files), [], list(gaps))
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path}\0{hashlib.sha256(files[path]).hexdigest()}\n".encode("utf-8", "surrogateescape"))
    artifact = {"name": name, "size": sum(map(len, files.values())), "sha256": digest.hexdigest()}
    return _scanned(looked, artifact, ecosystem, packs)


def _scanned(looked: _Looked, artifact: dict[str, Any], ecosystem: str, packs: Sequence[text.Rules]) -> Scan:
    ecosystem = ecosystem or ecosystem_of(looked.files)
    tools: list[tuple[str, Tool]] = [("papers", lambda files: (metadata.examine(files), [], []))]
    tools.append(("Python data flow", python.analyse))
    if ecosystem == "pypi" and any(path.endswith(javascript.SUFFIXES) for path in looked.files):
        looked.skipped.append("JavaScript data flow: nothing runs it in a Python package")
    else:
        tools.append(("JavaScript data flow", javascript.analyse))
    tools.append(("install hooks", lambda files: (hooks.examine(files), [], [])))
    tools.append(("text rules", lambda files: (*text.scan(files, (text.own(), *packs)), [])))
    for name, tool in tools:
        _run(looked, name, tool)
    package, version = named(looked.files)
    artifact |= {"ecosystem": ecosystem, "package": quoted(package, 214), "version": quoted(version, 100)}
    artifact |= {"files": len(looked.files)}
    findings = verdict.weigh(_once(_at_home(looked.findings, ecosystem)))
    facts = {path: FileFact.of(data) for path, data in looked.files.items()}
    gaps, skipped = tuple(dict.fromkeys(looked.gaps)), tuple(dict.fromkeys(looked.skipped))
    from pumpkin.analysis import source

    named_sources = tuple(one.url for one in source.candidates(looked.files, package))
    return Scan(tuple(findings), gaps, skipped, artifact, ruleset(packs), facts, named_sources)


def _run(looked: _Looked, name: str, tool: Tool) -> None:
    """One tool over all files; one that breaks leaves a gap, so that the others are heard all the same."""
    try:
        findings, gaps, skipped = tool(looked.files)
    except (MemoryError, RecursionError, ValueError, TypeError, LookupError, AttributeError, RuntimeError) as error:
        _log.error("static tool failed tool=%s error=%r", name, error)
        looked.gaps.append(f"{name}: failed ({type(error).__name__})")
        return
    looked.findings += findings
    looked.gaps += gaps
    looked.skipped += skipped


def ecosystem_of(files: Iterable[str]) -> str:
    """The purl type by the papers at the top of the artifact; empty when none tells."""
    tops = {path.split("/", 1)[-1] if path.count("/") == 1 else path for path in files if path.count("/") <= 1}
    if any(path.endswith((".dist-info/METADATA", ".dist-info/RECORD")) for path in files):
        return "pypi"
    for paper, ecosystem in _PAPERS.items():
        if paper in tops:
            return ecosystem
    return ""


_PAPERS = {
    "package.json": "npm", "PKG-INFO": "pypi", "setup.py": "pypi", "METADATA": "pypi", "pyproject.toml": "pypi",
    "metadata.gz": "gem", "composer.json": "composer", "Cargo.toml": "cargo", ".PKGINFO": "apk",
    "META-INF/MANIFEST.MF": "maven",
}  # fmt: skip


def named(files: Mapping[str, bytes]) -> tuple[str, str]:
    """Name and version as the artifact's own papers say; empty where they say nothing."""
    for path in sorted(files, key=lambda path: (path.count("/"), path)):
        last = path.rsplit("/", 1)[-1]
        if path.endswith((".dist-info/METADATA", "PKG-INFO")):
            headers = BytesHeaderParser(policy=compat32).parsebytes(files[path][:200_000])
            return str(headers.get("Name", "")), str(headers.get("Version", ""))
        if last in ("package.json", "composer.json") and path.count("/") <= 1:
            paper = metadata.package_json(files[path])
            return str(paper.get("name", "")), str(paper.get("version", ""))
        if last == "Cargo.toml" and path.count("/") <= 1:
            text_ = files[path].decode("utf-8", "replace")
            found = [re.search(rf'^{key}\s*=\s*"([^"]+)"', text_, re.MULTILINE) for key in ("name", "version")]
            return (found[0][1] if found[0] else "", found[1][1] if found[1] else "")
    return "", ""


def _at_home(findings: list[Finding], ecosystem: str) -> list[Finding]:
    """Text rules over JavaScript in a Python package weigh a level less: nothing of Python runs it."""
    if ecosystem != "pypi":
        return findings
    return [
        replace(one, level=lowered(one.level, 1))
        if one.group is Group.TEXT and one.file.endswith(javascript.SUFFIXES)
        else one
        for one in findings
    ]


def _once(findings: list[Finding]) -> list[Finding]:
    """At most five findings of a rule in a file: the first ones by line."""
    counted: dict[tuple[str, str], int] = {}
    kept = []
    for finding in sorted(findings, key=lambda f: (f.file, f.rule, -f.level.rank, f.line)):
        key = finding.rule, finding.file
        counted[key] = counted.get(key, 0) + 1
        if counted[key] <= 5:
            kept.append(finding)
    return kept


def ruleset(packs: Sequence[text.Rules] = ()) -> str:
    """SHA-256 over everything that decides: our version and rules, the packs', and the engine's own version."""
    parts = [f"pumpkin-static/{VERSION}", importlib.metadata.version("yara-x"), text.own().digest]
    return hashlib.sha256("\n".join([*parts, *(pack.digest for pack in packs)]).encode()).hexdigest()
