"""Frames to a report, and a report's behaviour to findings, without an engine."""

from __future__ import annotations

import json
from typing import Any

from pumpkin.analysis import observed
from pumpkin.analysis.strace import Folding
from pumpkin.model.findings import Level
from pumpkin.model.reports import Artifact, Environment, Report


def folded(*frames: tuple[dict[str, Any], bytes] | dict[str, Any]) -> Report:
    folding = Folding(Artifact("pypi", "sample"), Environment("docker"), 1.0)
    for frame in frames:
        header, body = frame if isinstance(frame, tuple) else (frame, b"")
        folding.add(header, body)
    return folding.report()


def event(kind: str, phase: str = "import", **fields: Any) -> dict[str, Any]:
    return {"type": "event", "kind": kind, "phase": phase, **fields}


def rules(report: Report, **options: Any) -> dict[str, Level]:
    return {one.rule: one.level for one in observed.findings(report, **options)}


TOTALS = {
    "processes": [
        {
            "pid": 7, "ppid": None, "path": "/bin/sh", "argv": ["sh"], "env": {}, "start": 1.0, "end": 2.0, "status": 0,
            "signal": None, "installer": False,
        }
    ],
    "files": [{"path": "/tmp/x", "write": 1, "writes": 2, "size": 9, "head": b"abc".hex()}],
    "calls": {"openat": [3, 1]}, "cut": {"paths": 2}, "results": [],
}  # fmt: skip


def test_the_totals_of_two_steps_add_up() -> None:
    totals = ({"type": "blob", "what": "totals", "phase": "import"}, json.dumps(TOTALS).encode())
    phase = folded(totals, totals).phase("import")
    assert phase.calls == {"openat": (6, 2)}
    assert phase.files[0].size == 18
    assert phase.cut == {"paths": 4}
    assert len(phase.processes) == 2


def test_a_frame_of_another_form_changes_nothing_and_is_counted() -> None:
    report = folded({"type": "event"}, {"type": "phase", "phase": "party"}, {"type": "what"}, ({"type": "blob"}, b"x"))
    assert report.cut["unreadable_frames"] == 4
    assert all(not phase.events for phase in report.phases)


def test_a_report_is_json_though_a_package_wrote_bytes() -> None:
    report = folded(({"type": "blob", "what": "stdout", "phase": "import"}, b"\xff\0"))
    document = json.loads(json.dumps(report.as_json()))
    assert document["phases"][1]["stdout"] == {"base64": "/wA="}


def test_a_secret_that_left_is_critical() -> None:
    leak = event("leak", secret="ssh key", form="base64", sni="collect.example", port=443)
    assert rules(folded(leak)) == {"dynamic-secret-left": Level.CRITICAL}


def test_an_identifier_that_each_request_names_is_no_proof() -> None:
    left = {"secret": "aws access key id", "form": "plain", "sni": "cloud.example", "port": 443}
    assert rules(folded(event("leak", "execute", **left))) == {"dynamic-secret-left": Level.LOW}
    assert rules(folded(event("leak", "install", **left))) == {"dynamic-secret-left": Level.HIGH}


def test_looking_at_processes_when_called_is_what_some_packages_are_for() -> None:
    looked = {"what": "opening /proc/1/fd", "call": "openat"}
    assert rules(folded(event("tamper", "execute", **looked))) == {"dynamic-tamper": Level.LOW}
    assert rules(folded(event("tamper", **looked))) == {"dynamic-tamper": Level.HIGH}
    assert rules(folded(event("tamper", "execute", what="opening /proc/1/mem"))) == {"dynamic-tamper": Level.HIGH}


def test_reading_a_secret_weighs_more_unasked_than_when_called() -> None:
    touched = {"path": "/home/dev/.ssh/id_rsa", "op": "read"}
    assert rules(folded(event("decoy_touched", **touched))) == {"dynamic-secret-read": Level.HIGH}
    assert rules(folded(event("decoy_touched", "execute", **touched))) == {"dynamic-secret-read": Level.MEDIUM}


def test_what_the_installer_does_is_not_the_packages() -> None:
    connected = event("connect", family="ipv4", address="198.51.100.3", port=80, installer=True)
    assert not rules(folded(connected))


def test_the_baseline_is_taken_away() -> None:
    first = event("file", op="create", path="/tmp/pip-build-ab12cd34/.bashrc")
    autostart = event("file", op="create", path="/home/dev/.bashrc")
    known = observed.baseline(folded(first, autostart))
    assert rules(folded(autostart)) == {"dynamic-autostart": Level.HIGH}
    assert not rules(folded(autostart), baseline=known)


def test_running_what_it_wrote_is_told() -> None:
    totals = ({"type": "blob", "what": "totals", "phase": "import"}, json.dumps(TOTALS).encode())
    assert rules(folded(totals, event("exec", path="/tmp/x", argv=["/tmp/x"]))) == {"dynamic-dropper": Level.HIGH}
