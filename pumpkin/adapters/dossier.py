"""One analysis as it goes, by tool, and the report it becomes: findings weighed, people's word on them applied."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from pumpkin.analysis import documents, triage
from pumpkin.model import reports as model
from pumpkin.model.findings import Finding, Outcome, Verdict
from pumpkin.model.packages import Artifact
from pumpkin.model.tasks import Ending, Task
from pumpkin.model.wire import rfc3339
from pumpkin.store.reports import NewReport

ATTACHMENTS_LIMIT = 64 * 1024 * 1024


@dataclass(slots=True)
class Case:
    """One analysis as it goes: sections by tool, findings, what could not be looked at, and why."""

    sections: dict[str, dict[str, Any]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    rules: str = ""
    dynamic: model.Report | None = None
    marks: Sequence[triage.Mark] = ()

    def note(self, tool: str, status: str, why: str = "", **more: Any) -> None:
        self.sections[tool] = {"status": status, "why": why, **more}


@dataclass(frozen=True, slots=True)
class File:
    """One file of the version that is looked at."""

    name: str
    data: bytes = field(repr=False)
    kind: str
    source: str
    artifact: Artifact | None = None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def _outcome(case: Case, judged: Verdict) -> str:
    """The verdict's, unless the package could not be looked at as it should: a failed install is never clean."""
    if judged.outcome in (Outcome.MALICIOUS, Outcome.SUSPICIOUS) or case.dynamic is None:
        return judged.outcome.value
    if any(phase.status == "timeout" for phase in case.dynamic.phases):
        return Outcome.TIMEOUT.value
    if case.dynamic.phase("install").status == "failed":
        return Outcome.INSTALL_FAILED.value
    return judged.outcome.value


NOT_RUN = {
    "malcontent": "rule packs of the operator's own run with the static tools (pumpkin rules add)",
    "provenance": "it was not asked for, or the extra `provenance` is not installed",
    "known_bad": "it does not apply, or no advisory database is configured",
}
_SENTENCES = {
    "install_failed": ("analysis_error", "The package could not be installed."),
    "timeout": ("timeout_error", "A phase of the analysis was over its time."),
    "incomplete": ("analysis_error", "The analysis is incomplete"),
}


def folded(task: Task, case: Case, files: Sequence[File], published: str, begun: int) -> tuple[NewReport, Ending]:
    """The report over what the tools said, and how the task ends."""
    ended = time.time_ns() // 1_000
    now = datetime.fromtimestamp(ended / 1e6, UTC)
    findings, judged = triage.judge(case.findings, case.marks, now=now, not_checked=case.skipped, failed=case.failed)
    outcome = _outcome(case, judged)
    check = uuid4()
    category, message = _SENTENCES.get(outcome, (None, None))
    said = {
        "outcome": outcome,
        "score": judged.score,
        "why": list(judged.why),
        "groups": judged.groups,
        "not_checked": list(judged.not_checked),
        "failed": sorted(set(case.failed)),
        "rules": case.rules,
        "at": rfc3339(ended),
        "triage": triage.applied(case.findings, case.marks, now=now),
    }
    ran = sorted(tool for tool, section in case.sections.items() if section["status"] == "ran")
    document = {
        "metadata": documents.metadata(
            purl=task.purl, ecosystem=task.ecosystem, name=task.name, version=task.version,
            status="failed" if category else "completed", outcome=outcome,
            started=rfc3339(begun), completed=rfc3339(ended), duration_s=(ended - begun) / 1e6,
        ),
        "analysis_results": documents.results(
            name=task.name, version=task.version, duration_s=(ended - begun) / 1e6, dynamic=case.dynamic,
            tools=dict(sorted(case.sections.items())), findings=[one.as_json() for one in findings], verdict=said,
            artifacts=[
                {"name": one.name, "file": one.name, "sha256": one.sha256, "size": len(one.data), "kind": one.kind,
                 "source": one.source}
                for one in files
            ],
            proof={"check": str(check), "proof_url": f"/api/v1/checks/{check}/proof"}, rules=case.rules,
        ),
    }  # fmt: skip
    report = NewReport(
        document=json.dumps(document, separators=(",", ":"), ensure_ascii=True).encode(),
        tools=",".join(ran),
        outcome=outcome,
        score=judged.score,
        rules=case.rules,
        artifacts=tuple(filter(None, published.split(","))),
        created=ended,
        check_id=check,
        attachments=_attachments(case.dynamic),
    )
    if outcome == "incomplete":
        message = f"{message}: {'; '.join(judged.not_checked)[:400] or 'a tool failed'}."
    phases = {tool: section["status"] for tool, section in case.sections.items()}
    if case.dynamic is not None:
        phases["dynamic"] = {phase.name: phase.status for phase in case.dynamic.phases}
    shown = {key: value for key, value in said.items() if key not in ("groups", "failed", "at", "triage")}
    return report, Ending(outcome, {**shown, "check": str(check)}, category, message, _details(case), phases)


def _details(case: Case) -> str | None:
    """For the owner: the last words of an install that failed."""
    if case.dynamic is None or case.dynamic.phase("install").status != "failed":
        return None
    return case.dynamic.phase("install").stderr[-4_096:].decode("utf-8", "replace").replace("\x00", "") or None


def _attachments(report: model.Report | None) -> tuple[tuple[str, bytes], ...]:
    """What a run left for download, the first of it within a bound."""
    kept: list[tuple[str, bytes]] = []
    left = ATTACHMENTS_LIMIT
    for one in report.attachments if report else ():
        with suppress(ValueError):
            left -= len(one.content)
            if left < 0:
                break
            kept.append((one.name.replace("\x00", "")[:300], one.content))
    return tuple(kept)
