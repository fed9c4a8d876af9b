"""An old report's findings judged by today's weights: the evidence stays, the verdict is new, both are kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pumpkin.analysis import verdict
from pumpkin.model.findings import Finding

_KEPT_OUTCOMES = ("install_failed", "timeout")


def rescored(document: Mapping[str, Any], rules: str, check: str) -> tuple[dict[str, Any], str, int]:
    """The document with its new verdict and the one before it, the outcome, and the score."""
    results = document["analysis_results"]
    before = results["verdict"]
    findings = verdict.weigh(Finding.of(one) for one in results["findings"])
    failed = before.get("failed", [])
    judged = verdict.judge(
        findings, not_checked=[one for one in before["not_checked"] if one not in failed], failed=failed
    )
    outcome = judged.outcome.value
    if outcome in ("clean", "incomplete") and before["outcome"] in _KEPT_OUTCOMES:
        outcome = before["outcome"]
    after = {
        **before,
        "outcome": outcome,
        "score": judged.score,
        "why": list(judged.why),
        "groups": judged.groups,
        "rules": rules,
    }
    made = {
        **results,
        "outcome": outcome,
        "verdict": after,
        "previous_verdicts": [*results.get("previous_verdicts", []), before],
        "findings": [one.as_json() for one in findings],
        "rules": rules,
        "proof": {"check": check, "proof_url": f"/api/v1/checks/{check}/proof"},
    }
    return {**document, "analysis_results": made}, outcome, judged.score
