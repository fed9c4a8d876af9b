"""Frames to a report, and a report's behaviour to findings, without an engine."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

from pumpkin.analysis import observed, seen
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


DEEP = ({"type": "blob", "what": "totals", "phase": "import"}, b"[" * 100_000)


def test_a_frame_of_another_form_changes_nothing_and_is_counted() -> None:
    report = folded(
        {"type": "event"}, {"type": "phase", "phase": "party"}, {"type": "what"}, ({"type": "blob"}, b"x"), DEEP
    )
    assert report.cut["unreadable_frames"] == 5
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


def test_a_connection_tells_what_was_spoken_and_that_nobody_outside_heard() -> None:
    report = folded(
        event("connect", family="ipv4", transport="tcp", address="198.18.0.10", port=443),
        event("tls", address="198.18.0.10", port=443, name="collect.example", sni="collect.example"),
        event("http", address="198.18.0.10", port=443, name="collect.example", tls=True, method="POST"),
        event("connect", family="ipv4", transport="tcp", address="198.51.100.7", port=22),
        event("sent", address="198.51.100.7", port=22, protocol="ssh"),
        event("connect", family="ipv4", transport="udp", address="198.51.100.53", port=53),
        event("connect", family="unix", path="/run/docker.sock"),
        event("connect", family="ipv6", transport="tcp", address="2001:db8::1", port=80, error="ENETUNREACH"),
        event("dns", name="collect.example", qtype="A", answer="198.18.0.10", server="198.18.0.2"),
        event("dns", name="collect.example", qtype="A", answer="198.18.0.10", server="198.18.0.2"),
    )
    told = seen.of_phase(replace(report, environment=Environment("docker", network="sinkhole")), "import")
    spoken = {(one["transport"], one["address"], one["port"]): one for one in told["connections"]}
    assert len(spoken) == 4
    request = spoken["tcp", "198.18.0.10", 443]
    assert (request["protocol"], request["tls"], request["name"]) == ("http", True, "collect.example")
    assert spoken["tcp", "198.51.100.7", 22]["protocol"] == "ssh"
    assert spoken["udp", "198.51.100.53", 53]["protocol"] == "dns"
    assert spoken["tcp", "2001:db8::1", 80]["error"] == "ENETUNREACH"
    assert all(one["sinkhole"] for one in told["connections"])
    (answer,) = told["dns_answers"]
    assert (answer["answer"], answer["sinkhole"], answer["asked"]) == ("198.18.0.10", True, 2)
    opened = seen.of_phase(replace(report, environment=Environment("docker", network="open")), "import")
    assert not any(one["sinkhole"] for one in opened["connections"])


def test_written_data_is_named_by_its_digest() -> None:
    totals = {**TOTALS, "files": [
        {"path": "/tmp/x", "write": 1, "writes": 2, "size": 3, "head": b"abc".hex()},
        {"path": "/tmp/y", "write": 1, "writes": 1, "size": 4, "head": b"gone".hex()},
        {"path": "/tmp/z", "write": 1, "writes": 9, "size": 9000, "head": b"z".hex()},
        {"path": "/tmp/pip", "write": 1, "writes": 9, "size": 9, "head": "", "installer": 1},
    ]}  # fmt: skip
    digest = hashlib.sha256(b"abc").hexdigest()
    file = {"type": "blob", "what": "file", "phase": "import", "path": "/tmp/x", "size": 3, "mode": "0o644",
            "sha256": digest, "sort": "text", "head": b"abc".hex()}  # fmt: skip
    report = folded(
        ({"type": "blob", "what": "totals", "phase": "import"}, json.dumps(totals).encode()), (file, b"abc")
    )
    written = {one["path"]: one for one in seen.of_phase(report, "import")["file_writes"]}
    assert set(written) == {"/tmp/x", "/tmp/y", "/tmp/z"}
    assert written["/tmp/x"]["buffers"] == [{"id": digest, "size": 3, "kept": True}]
    gone = hashlib.sha256(b"gone").hexdigest()
    assert written["/tmp/y"]["buffers"] == [{"id": gone, "size": 4, "kept": False}]
    assert (written["/tmp/z"]["bytes"], written["/tmp/z"]["buffers"]) == (9000, [])


def test_what_was_called_stands_in_order() -> None:
    call = {"module": "sample", "symbol": "add", "kind": "function", "result": "int", "exception": None}
    called = json.dumps({**TOTALS, "files": [], "results": [{**call, "duration_ms": 0.1}]}).encode()
    report = folded(({"type": "blob", "what": "totals", "phase": "execute"}, called))
    (line,) = seen.execution_log(report)
    assert (line["phase"], line["module"], line["symbol"], line["result"]) == ("execute", "sample", "add", "int")
    assert not seen.execution_log(None)
    assert seen.of_phase(None, "import") == {"connections": [], "dns_answers": [], "file_writes": []}
