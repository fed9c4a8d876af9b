"""OSV (schema 1.7): one record that says a package is malicious or suspicious."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from pumpkin.analysis.outputs import Report, facts
from pumpkin.model.findings import plain

_ECOSYSTEMS = {"pypi": "PyPI", "npm": "npm", "gem": "RubyGems", "cargo": "crates.io", "composer": "Packagist",
               "maven": "Maven", "apk": "Wolfi"}  # fmt: skip


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Package(_Strict):
    ecosystem: str
    name: str = Field(min_length=1)
    purl: str | None = None


class Affected(_Strict):
    package: Package
    versions: list[str]
    database_specific: dict[str, Any] = {}


class Credit(_Strict):
    name: str
    type: Literal["TOOL", "FINDER", "REPORTER"] = "TOOL"


class Record(_Strict):
    """The record as the OSV schema has it; times are UTC and end in Z."""

    schema_version: Literal["1.7.0"] = "1.7.0"
    id: str = Field(pattern=r"^[A-Z]+-[A-Za-z0-9._-]+$")
    modified: AwareDatetime
    published: AwareDatetime
    summary: str
    details: str
    affected: list[Affected]
    credits: list[Credit] = [Credit(name="Pumpkin")]
    database_specific: dict[str, Any] = {}


def record(report: Report) -> Record:
    """The OSV record of a report; without ecosystem or name `affected` is empty."""
    report = plain(report)
    artifact, when = report["artifact"], facts.created(report)
    known = facts.purl(report)
    affected = []
    if known is not None and known.type in _ECOSYSTEMS:
        package = Package(ecosystem=_ECOSYSTEMS[known.type], name=facts.package(report), purl=known.to_string())
        evidence = {"origin_sha256": artifact.get("sha256", "")}
        affected = [
            Affected(package=package, versions=[known.version] if known.version else [], database_specific=evidence)
        ]
    return Record(
        id=f"PUMPKIN-{facts.identity(report)[:13]}",
        modified=when,
        published=when,
        summary=facts.sentence(report),
        details="\n".join(f"- {line}" for line in report.get("why", ())),
        affected=affected,
        database_specific={
            "outcome": report["outcome"], "score": report["score"], "ruleset": report.get("rules", ""),
            "not_checked": list(report.get("not_checked", ())), "sha256": artifact.get("sha256", ""),
        },
    )  # fmt: skip


def write(report: Report) -> str:
    return record(report).model_dump_json(indent=2, exclude_none=True) + "\n"


def parse(text: str) -> Record:
    """A record back from its JSON; ValueError when it is none."""
    return Record.model_validate_json(text)
