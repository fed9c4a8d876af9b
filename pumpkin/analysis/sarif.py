"""Reports as SARIF 2.1.0, for the code-scanning pages of forges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note", "good": "none"}


def sarif(results: Iterable[Mapping[str, Any]], version: str) -> dict[str, Any]:
    """One run over many packages; `results` are those of `pumpkin analyze --json` (rulings.md 30), each with `purl`."""
    rules: dict[str, dict[str, Any]] = {}
    found = []
    for result in results:
        for finding in result["findings"]:
            rule = rules.setdefault(finding["rule"], _rule(finding))
            found.append(_result(result, finding, list(rules).index(rule["id"])))
    driver = {"name": "Pumpkin", "version": version, "rules": list(rules.values())}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": found}]}


def _rule(finding: Mapping[str, Any]) -> dict[str, Any]:
    tags = [str(finding["group"]), *([str(finding["tactic"])] if finding.get("tactic") else [])]
    return {
        "id": finding["rule"],
        "shortDescription": {"text": str(finding["reason"])[:200] or finding["rule"]},
        "properties": {"tags": tags},
    }


def _result(result: Mapping[str, Any], finding: Mapping[str, Any], number: int) -> dict[str, Any]:
    package = str(result.get("purl") or (result.get("artifact") or {}).get("name") or "package")
    path = str(finding.get("file") or package)
    region = {"region": {"startLine": finding["line"]}} if finding.get("line") else {}
    location = {"physicalLocation": {"artifactLocation": {"uri": _uri(path)}, **region}}
    return {
        "ruleId": finding["rule"],
        "ruleIndex": number,
        "level": _LEVELS.get(str(finding["level"]), "note"),
        "message": {"text": f"{package}: {finding['reason']}"},
        "locations": [location],
        "partialFingerprints": {"finding/v1": f"{package}:{finding['rule']}:{path}:{finding.get('line', 0)}"[:500]},
    }


def _uri(path: str) -> str:
    """A relative reference that names the member and nothing else."""
    from urllib.parse import quote

    return quote(path.lstrip("/"), safe="/!@-._~") or "package"
