"""The report's document from a run: Pack-a-mal's keys, OSSF's form, differences, and verdicts judged anew."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

from pumpkin.analysis import documents, rescoring, verdict
from pumpkin.model.findings import Finding, Group, Level
from pumpkin.model.reports import Artifact, Environment, FileUse, Phase, Process, Report

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def run(**more: Any) -> Report:
    process = Process(7, 1, "/bin/sh", ("sh", "-c", "id"), {"A": "1"}, 1.0)
    install = Phase(
        "install", "completed", duration_s=1.5, stdout=b"x" * 5_000, stderr=b"\xff", processes=(process,),
        files=(
            FileUse("/etc/passwd", read=1),
            FileUse("/tmp/a,b (c)", write=2, size=3),
            FileUse("/tmp/gone", delete=1),
        ),
        calls={"openat": (5, 2), "connect": (1, 0)},
        events=(
            {"kind": "dns", "name": "drop.example"},
            {"kind": "connect", "address": "198.18.0.9", "port": 443, "name": "drop.example"},
            {"kind": "connect", "address": "198.18.0.9", "port": 443},
            {"kind": "connect", "family": "unix", "path": "/run/x"},
        ),
    )  # fmt: skip
    return Report(
        Artifact("pypi", "a", "1"), Environment(), (install, Phase("import", "timeout"), Phase("execute")), **more
    )


def document(findings: list[Finding] | None = None, dynamic: Report | None = None, outcome: str = "clean") -> Any:
    weighed = verdict.weigh(findings or [])
    judged = verdict.judge(weighed)
    said = {
        "outcome": outcome, "score": judged.score, "why": [], "groups": {}, "not_checked": [], "failed": [],
        "rules": "r1",
    }  # fmt: skip
    made = {
        "metadata": documents.metadata(
            purl="pkg:gem/a@1", ecosystem="gem", name="a", version="1", status="completed", outcome=outcome,
            started="2026-11-21T00:00:00Z", completed="2026-11-21T00:00:09Z", duration_s=9,
        ),
        "analysis_results": documents.results(
            name="a", version="1", duration_s=9, dynamic=dynamic, tools={}, findings=[one.as_json() for one in weighed],
            verdict=said, artifacts=[], proof={}, rules="r1",
        ),
    }  # fmt: skip
    return json.loads(json.dumps(made))


def test_the_old_keys_are_what_was_seen() -> None:
    install = document(dynamic=run())["analysis_results"]["install"]
    assert (install["num_files"], install["num_commands"], install["num_network_connections"]) == (3, 1, 1)
    assert install["num_system_calls"] == 8
    assert install["files"] == {"read": ["/etc/passwd"], "write": ["/tmp/a,b (c)"], "delete": ["/tmp/gone"]}
    assert install["dns"] == ["drop.example"]
    assert install["ips"] == [{"Address": "198.18.0.9", "Port": 443, "Hostnames": ["drop.example"]}]
    assert install["commands"] == [["sh", "-c", "id"]]
    assert install["syscall_summary"]["openat"] == {"calls": 7, "errors": 2}


def test_ossf_has_each_phase_that_was_run() -> None:
    shown = documents.ossf(document(dynamic=run()))
    assert shown["Package"]["Ecosystem"] == "rubygems"
    assert shown["Analysis"].keys() == {"install", "import"}
    install = shown["Analysis"]["install"]
    assert install["Status"] == "completed"
    assert shown["Analysis"]["import"]["Status"] == "error_timeout"
    assert base64.b64decode(install["Stdout"]) == b"x" * 4_096
    assert base64.b64decode(install["Stderr"]) == b"\xff"
    assert {"Path": "/tmp/gone", "Read": False, "Write": False, "Delete": True} in install["Files"]
    assert install["Commands"] == [{"Command": ["sh", "-c", "id"], "Environment": ["A=1"]}]
    assert install["DNS"] == [{"Class": "IN", "Queries": [{"Hostname": "drop.example", "Types": ["A"]}]}]


def test_a_report_without_a_run_has_the_same_keys() -> None:
    results = document()["analysis_results"]
    assert results["install"].keys() == document(dynamic=run())["analysis_results"]["install"].keys()
    assert results["install"]["status"] == "not_run"
    assert documents.ossf(document())["Analysis"] == {}


def test_a_difference_is_what_came_and_went() -> None:
    changed = documents.difference(document(), document(dynamic=run(), outcome="malicious"))
    assert changed["verdict"]["changed"] is True
    assert changed["added"]["hosts"] == ["drop.example"]
    assert changed["added"]["addresses"] == ["198.18.0.9:443"]
    assert changed["removed"] == {}
    assert documents.difference(document(), document())["added"] == {}


def test_a_report_is_judged_anew_over_its_evidence_and_keeps_both_verdicts() -> None:
    finding = Finding("static", "flow-x", Level.CRITICAL, Group.FLOW, "bad")
    made, outcome, score = rescoring.rescored(document([finding]), "r2", "check", now=NOW)
    assert (outcome, score) == ("malicious", 95)
    results = made["analysis_results"]
    assert results["rules"] == results["verdict"]["rules"] == "r2"
    assert [one["rules"] for one in results["previous_verdicts"]] == ["r1"]
    again, *_ = rescoring.rescored(made, "r3", "check", now=NOW)
    assert [one["rules"] for one in again["analysis_results"]["previous_verdicts"]] == ["r1", "r2"]
    assert rescoring.rescored(document(outcome="install_failed"), "r2", "c", now=NOW)[1] == "install_failed"
