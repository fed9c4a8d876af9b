"""An old report's findings judged by today's weights and marks: the evidence stays, both verdicts are kept, dated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pumpkin.analysis import triage
from pumpkin.model.findings import Finding

_KEPT_OUTCOMES = ("install_failed", "timeout")


def rescored(
    document: Mapping[str, Any], rules: str, check: str, *, now: datetime, marks: Sequence[triage.Mark] = ()
) -> tuple[dict[str, Any], str, int]:
    """The document with its new verdict and the one before it, the outcome, and the score.

    `now` is aware; `marks` are what people said of the package's findings, those of before no longer count.
    """
    results = document["analysis_results"]
    before = results["verdict"]
    found = triage.restored((Finding.of(one) for one in results["findings"]), before.get("triage", ()))
    failed = before.get("failed", [])
    unchecked = [one for one in before["not_checked"] if one not in failed]
    findings, judged = triage.judge(found, marks, now=now, not_checked=unchecked, failed=failed)
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
        "at": now.astimezone(UTC).isoformat(),
        "triage": triage.applied(found, marks, now=now),
    }
    dated = {"at": document.get("metadata", {}).get("created_at"), **before}
    made = {
        **results,
        "outcome": outcome,
        "verdict": after,
        "previous_verdicts": [*results.get("previous_verdicts", []), dated],
        "findings": [one.as_json() for one in findings],
        "rules": rules,
        "proof": {"check": check, "proof_url": f"/api/v1/checks/{check}/proof"},
    }
    return {**document, "analysis_results": made}, outcome, judged.score
