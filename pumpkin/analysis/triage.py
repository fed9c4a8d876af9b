"""People's word on findings: reviewed or suppressed, with a reason and an end; and old evidence weighed anew.

A mark goes by what a finding says (rule, file, quote) in one package of any version, not by its place in a list: it
still holds when the next version has the same lines. A suppressed finding is shown, but no longer weighs.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pumpkin.analysis import verdict
from pumpkin.model.findings import Finding, Level, Outcome, Verdict
from pumpkin.model.marks import Mark as Mark
from pumpkin.model.marks import State as State

_SPACE = uuid.UUID("0d1a6f9e-35a3-5c60-9d0c-6c9d5f0a7b11")


def mark_of(finding: Finding) -> uuid.UUID:
    """The id by which a finding is marked: the same for the same rule, file and quote."""
    return uuid.uuid5(_SPACE, "\n".join([finding.rule, finding.file, finding.quote]))


def package_of(artifact: Mapping[str, Any]) -> str:
    """What marks are kept by: ecosystem and name, else the artifact's digest."""
    if artifact.get("ecosystem") and artifact.get("package"):
        return f"{artifact['ecosystem']}/{artifact['package']}"
    return f"sha256:{artifact.get('sha256', '')}"


def judge(
    findings: Iterable[Finding], marks: Iterable[Mark], *, now: datetime, not_checked: Iterable[str] = (),
    failed: Iterable[str] = (),
) -> tuple[list[Finding], Verdict]:  # fmt: skip
    """The findings, suppressed ones at level info and weight 0, and the verdict over them."""
    silent = {mark.finding for mark in marks if mark.state is State.SUPPRESSED and mark.holds(now)}
    weighed = verdict.weigh(findings)
    shown = [_silenced(one) if mark_of(one) in silent else one for one in weighed]
    return shown, verdict.judge(shown, not_checked=not_checked, failed=failed)


def applied(findings: Iterable[Finding], marks: Iterable[Mark], *, now: datetime) -> list[dict[str, Any]]:
    """What of the marks holds for these findings, with the level each had by itself: so that it can be had back."""
    levels = {mark_of(one): one.level.value for one in findings}
    return [
        {**as_json(mark), "level": levels[mark.finding]}
        for mark in sorted(marks, key=lambda mark: str(mark.finding))
        if mark.finding in levels and mark.holds(now)
    ]


def restored(findings: Iterable[Finding], said: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """The findings with the levels they had before people's word on them was applied."""
    levels = {uuid.UUID(str(one["finding"])): Level(one["level"]) for one in said}
    return [Finding.of({**one.as_json(), "level": levels.get(mark_of(one), one.level)}) for one in findings]


def _silenced(finding: Finding) -> Finding:
    return Finding.of({**finding.as_json(), "level": Level.INFO, "weight": 0.0})


def rescored(
    report: Mapping[str, Any], *, rules: str, now: datetime, marks: Iterable[Mark] = (),
    fresh: Mapping[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The report with its findings weighed by today's table; every earlier verdict stays in `verdicts`, dated.

    `fresh` is a new static scan of the same artifact (its JSON): its findings take the place of the old static ones.
    ValueError when it is of another artifact. Findings, gaps and artifact of the report are otherwise kept.
    """
    findings = [Finding.of({**one, "weight": 0.0}) for one in report["findings"]]
    gaps = list(report.get("gaps", report.get("not_checked", ())))
    if fresh is not None:
        if fresh["artifact"].get("sha256") != report["artifact"].get("sha256"):
            raise ValueError("this is not the artifact of the report")
        own = {one["tool"] for one in fresh["findings"]} | {"static", "malcontent"}
        findings = [one for one in findings if one.tool not in own] + [Finding.of(one) for one in fresh["findings"]]
        gaps, rules = list(fresh.get("gaps", ())), fresh["rules"]
    shown, judged = judge(findings, marks, now=now, failed=gaps)
    before = list(report.get("verdicts", ())) or [_dated(report, report.get("created"))]
    made: dict[str, Any] = dict(report) | {
        "outcome": judged.outcome.value, "score": judged.score, "why": list(judged.why), "groups": judged.groups,
        "findings": [one.as_json() for one in shown], "gaps": gaps, "rules": rules,
    }  # fmt: skip
    made["verdicts"] = [*before, _dated(made, now.astimezone(UTC).isoformat())]
    return made


def _dated(report: Mapping[str, Any], when: object) -> dict[str, Any]:
    return {"outcome": report["outcome"], "score": report["score"], "rules": report.get("rules", ""), "at": when}


def changed(report: Mapping[str, Any]) -> tuple[Outcome, Outcome]:
    """The outcome before the last re-score and after it."""
    first, last = report["verdicts"][-2:]
    return Outcome(first["outcome"]), Outcome(last["outcome"])


def as_json(mark: Mark) -> dict[str, Any]:
    value = asdict(mark)
    value |= {
        "finding": str(mark.finding),
        "made": mark.made.isoformat(),
        "until": mark.until and mark.until.isoformat(),
    }
    return value
