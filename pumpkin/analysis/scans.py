"""What the static tools saw in an artifact, and how it goes through a pipe.

Apart from the tools themselves, so that a server which only passes it on does without their engines (10 MB).
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from pumpkin.analysis import verdict
from pumpkin.model.findings import Finding, Verdict


@dataclass(frozen=True, slots=True)
class FileFact:
    """One member of the artifact: size in bytes, SHA-256 and git blob id in hex; `unix` the blob id it would
    have with the line ends of Unix, where it has those of DOS."""

    size: int
    sha256: str
    blob: str
    unix: str = ""

    @classmethod
    def of(cls, data: bytes) -> FileFact:
        unix = blob_id(data.replace(b"\r\n", b"\n")) if b"\r\n" in data and b"\0" not in data[:8000] else ""
        return cls(len(data), hashlib.sha256(data).hexdigest(), blob_id(data), unix)


def blob_id(data: bytes) -> str:
    """The SHA-1 by which git knows a file's content, in hex."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Scan:
    """What the static tools saw in one artifact (contracts/tools.md sections 0 to 2).

    `findings` are weighed, strongest first. `gaps` name what should have been looked at and was not (the verdict over
    them is never clean), `skipped` what was left out on purpose. `artifact` has name, ecosystem, size (bytes), sha256
    (hex), package and version as its papers say, and the number of files; `rules` is the rule set's SHA-256 in hex;
    `files` the members by path; `sources` the repositories its papers name, likeliest first.
    """

    findings: tuple[Finding, ...]
    gaps: tuple[str, ...]
    skipped: tuple[str, ...]
    artifact: dict[str, Any]
    rules: str
    files: dict[str, FileFact] = field(default_factory=dict, repr=False)
    sources: tuple[str, ...] = ()

    @cached_property
    def verdict(self) -> Verdict:
        """The verdict over the static findings alone; join those of other tools and call `verdict.judge` for all."""
        return verdict.judge(self.findings, not_checked=self.skipped, failed=self.gaps)

    def as_json(self) -> dict[str, Any]:
        """The answer of `pumpkin scan --json` (rulings.md 30), without the list of files."""
        judged = self.verdict
        return {
            "outcome": judged.outcome.value,
            "score": judged.score,
            "why": list(judged.why),
            "groups": judged.groups,
            "findings": [finding.as_json() for finding in self.findings],
            "not_checked": list(judged.not_checked),
            "gaps": list(self.gaps),
            "artifact": self.artifact,
            "rules": self.rules,
        }

    def pack(self) -> dict[str, Any]:
        """All of it for a pipe; `unpack` gives it back."""
        return {
            "findings": [finding.as_json() for finding in self.findings],
            "gaps": self.gaps,
            "skipped": self.skipped,
            "artifact": self.artifact,
            "rules": self.rules,
            "files": {path: asdict(fact) for path, fact in self.files.items()},
            "sources": self.sources,
        }

    @classmethod
    def unpack(cls, value: dict[str, Any]) -> Scan:
        """The scan back from `pack`; KeyError, TypeError or ValueError when it is none."""
        files = {path: FileFact(**fact) for path, fact in value["files"].items()}
        findings = tuple(Finding.of(one) for one in value["findings"])
        return cls(
            findings,
            tuple(value["gaps"]),
            tuple(value["skipped"]),
            value["artifact"],
            value["rules"],
            files,
            tuple(value["sources"]),
        )
