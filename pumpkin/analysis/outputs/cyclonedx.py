"""CycloneDX 1.6: the package as a component, the verdict as what affects it."""

from __future__ import annotations

import importlib.metadata
import uuid

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.bom_ref import BomRef
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.impact_analysis import ImpactAnalysisState
from cyclonedx.model.vulnerability import (
    BomTarget,
    Vulnerability,
    VulnerabilityAnalysis,
    VulnerabilityRating,
    VulnerabilityScoreSource,
    VulnerabilitySeverity,
    VulnerabilitySource,
)
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion

from pumpkin.analysis.outputs import Report, facts
from pumpkin.model.findings import plain

_SEVERITY = {"malicious": VulnerabilitySeverity.CRITICAL, "suspicious": VulnerabilitySeverity.HIGH}


def write(report: Report) -> str:
    outputter = make_outputter(bom(report), OutputFormat.JSON, SchemaVersion.V1_6)
    return str(outputter.output_as_string(indent=2)) + "\n"


def bom(report: Report) -> Bom:
    """The bill of one component; a package that is clean has no vulnerability in it."""
    report = plain(report)
    artifact, known = report["artifact"], facts.purl(report)
    told = ("outcome", "score", "rules")
    component = Component(
        type=ComponentType.LIBRARY,
        name=facts.package(report),
        version=known.version if known is not None else None,
        purl=known,
        bom_ref=BomRef("artifact"),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=artifact["sha256"])],
        properties=[Property(name=f"pumpkin:{key}", value=str(report.get(key, ""))) for key in told],
    )
    made = Bom(components=[component], serial_number=uuid.UUID(facts.identity(report, "cyclonedx")))
    made.metadata.timestamp = facts.created(report)
    tool = Component(
        type=ComponentType.APPLICATION, name="pumpkin", bom_ref="pumpkin", version=importlib.metadata.version("pumpkin")
    )
    made.metadata.tools.components.add(tool)
    if report["outcome"] in _SEVERITY:
        made.vulnerabilities.add(_vulnerability(report))
    return made


def _vulnerability(report: Report) -> Vulnerability:
    source = VulnerabilitySource(name="Pumpkin")
    rating = VulnerabilityRating(source=source, severity=_SEVERITY[report["outcome"]],
                                 method=VulnerabilityScoreSource.OTHER)  # fmt: skip
    state = ImpactAnalysisState.EXPLOITABLE if report["outcome"] == "malicious" else ImpactAnalysisState.IN_TRIAGE
    return Vulnerability(
        bom_ref="verdict",
        id=f"PUMPKIN-{facts.identity(report)[:13]}", source=source, ratings=[rating], cwes=[506],
        description=facts.sentence(report), detail="\n".join(map(str, report.get("why", ()))),
        analysis=VulnerabilityAnalysis(state=state), affects=[BomTarget(ref="artifact")],
        published=facts.created(report),
    )  # fmt: skip
