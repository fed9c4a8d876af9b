"""All static tools over one artifact: files in, weighed findings, verdict and what was not looked at out.

The answer depends on the bytes and the rules alone, whose hash (`ruleset`) is part of it: the same evidence gives the
same verdict on any machine and day.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pumpkin.analysis import archive, javascript, metadata, python, text, verdict
from pumpkin.analysis.archive import Gap, Limits, Member
from pumpkin.model.findings import Finding, Verdict

VERSION = 1
"""Counted up whenever code of the analysis changes what it finds; part of the rule set's hash."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the static tools say of one artifact (rulings.md 30)."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    not_checked: tuple[str, ...]
    artifact: dict[str, Any]
    rules: str

    def as_json(self) -> dict[str, Any]:
        return {
            "outcome": self.verdict.outcome.value,
            "score": self.verdict.score,
            "why": list(self.verdict.why),
            "groups": self.verdict.groups,
            "findings": [finding.as_json() for finding in self.findings],
            "not_checked": list(self.not_checked),
            "artifact": self.artifact,
            "rules": self.rules,
        }


@dataclass(slots=True)
class Looked:
    """What was read and found before it is weighed."""

    files: dict[str, bytes] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)


def scan_archive(data: bytes, name: str, *, packs: Sequence[text.Rules] = (), limits: Limits | None = None) -> Report:
    """The report over an archive's bytes; what is wrong with the archive itself is part of it."""
    looked = Looked()
    for part in archive.read(data, name, limits):
        if isinstance(part, Member):
            looked.files[part.path] = part.data
        elif isinstance(part, Gap):
            looked.gaps.append(part.what)
        else:
            looked.findings.append(part)
    artifact = {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "files": len(looked.files)}
    return _report(looked, artifact, packs)


def scan_files(
    files: Mapping[str, bytes], name: str, *, packs: Sequence[text.Rules] = (), gaps: Iterable[str] = ()
) -> Report:
    """The report over files that lie unpacked, by their paths; the digest is over sorted paths and contents."""
    looked = Looked(dict(files), [], list(gaps))
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path}\0{hashlib.sha256(files[path]).hexdigest()}\n".encode("utf-8", "surrogateescape"))
    size = sum(map(len, files.values()))
    return _report(looked, {"name": name, "size": size, "sha256": digest.hexdigest(), "files": len(files)}, packs)


def _report(looked: Looked, artifact: dict[str, Any], packs: Sequence[text.Rules]) -> Report:
    rules = (text.own(), *packs)
    looked.findings += metadata.examine(looked.files)
    for tool in (python.analyse, javascript.analyse):
        found, gaps = tool(looked.files)
        looked.findings += found
        looked.gaps += gaps
    found, failed = text.scan(looked.files, rules)
    looked.findings += found
    findings = verdict.weigh(_once(looked.findings))
    judged = verdict.judge(findings, failed=[*looked.gaps, *failed])
    return Report(judged, tuple(findings), judged.not_checked, artifact, ruleset(packs))


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
