"""What several formats need of a report: its time, its purl, its ids."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from packageurl import PackageURL

from pumpkin.analysis.outputs import Report

_SPACE = uuid.UUID("6f1c2f0e-5d52-5f0b-9b55-8d8f7d3c9a10")


def created(report: Report) -> datetime:
    """When the report was made; now when it does not say. Whole seconds, UTC."""
    said = report.get("created")
    when = datetime.fromisoformat(str(said)) if said else datetime.now(UTC)
    return when.astimezone(UTC).replace(microsecond=0)


def identity(report: Report, *parts: str) -> str:
    """An id that is the same for the same artifact, rules and parts."""
    artifact = report["artifact"]
    return str(uuid.uuid5(_SPACE, "\n".join([str(artifact.get("sha256")), str(report.get("rules")), *parts])))


def purl(report: Report) -> PackageURL | None:
    """The package's purl where ecosystem and name are known."""
    artifact = report["artifact"]
    try:
        if artifact.get("purl"):
            return PackageURL.from_string(str(artifact["purl"]))
        if artifact.get("package"):
            return PackageURL(str(artifact["ecosystem"]), None, str(artifact["package"]), artifact.get("version"))
    except ValueError:
        return None
    return None


def package(report: Report) -> str:
    """The package's name, else the artifact's file name."""
    known = purl(report)
    if known is None:
        return str(report["artifact"]["name"])
    return f"{known.namespace}/{known.name}" if known.namespace else str(known.name)


def grave(report: Report) -> list[dict[str, Any]]:
    """The findings that speak against the package, gravest first."""
    return [one for one in report["findings"] if one["level"] in ("critical", "high", "medium", "low")]


def sentence(report: Report) -> str:
    """The verdict in one sentence."""
    return f"{package(report)} was judged {report['outcome']} (score {report['score']} of 100)."
