"""STIX 2.1 (OASIS): the file, the analysis of it, the techniques seen, and an indicator when it is malicious."""

from __future__ import annotations

from typing import Any

import stix2

from pumpkin.analysis.outputs import Report, facts
from pumpkin.model.findings import plain

_RESULTS = {"malicious": "malicious", "suspicious": "suspicious", "clean": "benign"}


def write(report: Report) -> str:
    return str(bundle(report).serialize(pretty=True)) + "\n"


def bundle(report: Report) -> stix2.Bundle:
    """All objects of the report; ids follow from the artifact and the rule set."""
    report = plain(report)
    artifact, when = report["artifact"], facts.created(report)

    def common(kind: str, *parts: str) -> dict[str, Any]:
        return {"id": f"{kind}--{facts.identity(report, kind, *parts)}", "created": when, "modified": when}

    maker = stix2.Identity(**common("identity"), name="Pumpkin", identity_class="system")
    hashes = {"hashes": {"SHA-256": artifact["sha256"]}} if artifact.get("sha256") else {}
    file = stix2.File(name=artifact["name"], size=artifact.get("size"), **hashes)
    analysis = stix2.MalwareAnalysis(
        **common("malware-analysis"), product="pumpkin", analysis_definition_version=str(report.get("rules", ""))[:64],
        result=_RESULTS.get(report["outcome"], "unknown"), sample_ref=file.id, created_by_ref=maker.id,
    )  # fmt: skip
    objects: list[Any] = [maker, file, analysis]
    patterns = [_pattern(technique, common) for technique in _techniques(report)]
    lines = [
        facts.sentence(report),
        *report.get("why", ()),
        *(f"not looked at: {x}" for x in report.get("not_checked", ())),
    ]
    note = stix2.Note(**common("note"), content="\n".join(map(str, lines)), object_refs=[analysis.id, file.id],
                      created_by_ref=maker.id)  # fmt: skip
    objects += [note, *patterns]
    if report["outcome"] == "malicious":
        indicator = stix2.Indicator(
            **common("indicator"), name=facts.sentence(report), indicator_types=["malicious-activity"],
            pattern=f"[file:hashes.'SHA-256' = '{artifact['sha256']}']", pattern_type="stix", valid_from=when,
            confidence=min(int(report["score"]), 100), created_by_ref=maker.id,
        )  # fmt: skip
        objects.append(indicator)
        for pattern in patterns:
            objects.append(stix2.Relationship(**common("relationship", pattern.id), relationship_type="indicates",
                                              source_ref=indicator.id, target_ref=pattern.id))  # fmt: skip
    return stix2.Bundle(*objects, id=f"bundle--{facts.identity(report, 'bundle')}")


def _techniques(report: Report) -> list[str]:
    return sorted({str(one["tactic"]) for one in facts.grave(report) if one["tactic"]})


def _pattern(technique: str, common: Any) -> Any:
    address = f"https://attack.mitre.org/techniques/{technique.replace('.', '/')}"
    reference = stix2.ExternalReference(source_name="mitre-attack", external_id=technique, url=address)
    return stix2.AttackPattern(**common("attack-pattern", technique), name=technique, external_references=[reference])
