"""SARIF 2.1.0 (OASIS): one run, a rule for each kind of finding, a result for each finding."""

from __future__ import annotations

import importlib.metadata
import json
import urllib.parse
from typing import Any

from pumpkin.analysis.outputs import Report, facts
from pumpkin.model.findings import plain

_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "none", "good": "none"}
_SECURITY = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "3.0", "info": "0.0", "good": "0.0"}


def write(report: Report) -> str:
    return json.dumps(document(report), indent=2) + "\n"


def document(report: Report) -> dict[str, Any]:
    """The SARIF log as JSON values."""
    report = plain(report)
    rules: dict[str, dict[str, Any]] = {}
    for finding in report["findings"]:
        rules.setdefault(finding["rule"], _rule(finding))
    places = {rule: place for place, rule in enumerate(rules)}
    gaps = [{"level": "error", "message": {"text": str(gap)}} for gap in report.get("not_checked", ())]
    run = {
        "tool": {
            "driver": {
                "name": "Pumpkin",
                "version": importlib.metadata.version("pumpkin"),
                "rules": list(rules.values()),
                "properties": {"ruleset": report.get("rules", "")},
            }
        },
        "automationDetails": {"id": f"pumpkin/{report['artifact'].get('sha256', '')}"},
        "artifacts": [_artifact(report)],
        "invocations": [{"executionSuccessful": report["outcome"] != "incomplete", "toolExecutionNotifications": gaps}],
        "results": [_result(finding, places[finding["rule"]]) for finding in report["findings"]],
        "columnKind": "unicodeCodePoints",
        "properties": {"outcome": report["outcome"], "score": report["score"], "why": list(report.get("why", ()))},
    }
    schema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
    return {"$schema": schema, "version": "2.1.0", "runs": [run]}


def _rule(finding: dict[str, Any]) -> dict[str, Any]:
    tags = ["security", finding["group"], *([f"attack.{finding['tactic'].lower()}"] if finding["tactic"] else [])]
    return {
        "id": finding["rule"],
        "shortDescription": {"text": finding["reason"]},
        "defaultConfiguration": {"level": _LEVELS[finding["level"]]},
        "properties": {"tags": tags, "security-severity": _SECURITY[finding["level"]]},
    }


def _artifact(report: Report) -> dict[str, Any]:
    artifact = report["artifact"]
    location = {"uri": urllib.parse.quote(str(artifact["name"]))}
    return {"location": location, "length": artifact.get("size", -1), "hashes": {"sha-256": artifact.get("sha256", "")}}


def _result(finding: dict[str, Any], place: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding["rule"],
        "ruleIndex": place,
        "level": _LEVELS[finding["level"]],
        "kind": "informational" if _LEVELS[finding["level"]] == "none" else "fail",
        "message": {"text": f"{finding['reason']}: {finding['quote']}" if finding["quote"] else finding["reason"]},
        "partialFingerprints": {"pumpkin/v1": facts.identity({"artifact": {}, "rules": ""}, *_marks(finding))},
        "properties": {"tool": finding["tool"], "group": finding["group"], "weight": finding["weight"]},
    }
    if finding["file"]:
        region = {"region": {"startLine": finding["line"]}} if finding["line"] else {}
        location = {"artifactLocation": {"uri": urllib.parse.quote(finding["file"])}, **region}
        result["locations"] = [{"physicalLocation": location}]
    return result


def _marks(finding: dict[str, Any]) -> list[str]:
    return [finding["rule"], finding["file"], finding["quote"]]
