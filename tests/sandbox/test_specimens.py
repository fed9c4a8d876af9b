"""Each behaviour and attack of the contract: what must be reported is, what must not is not."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from pumpkin.model.findings import Level
from pumpkin.model.reports import Report
from tests.sandbox.conftest import SECRET
from tests.sandbox.specimens import ALL, ATTACKS, BEHAVIOURS, BENIGN, FLOODS, OUTSIDE_PORT

pytestmark = pytest.mark.timeout(400)
Reports = dict[str, Report]


def rules(report: Report) -> set[str]:
    return {one.rule.removeprefix("dynamic-") for one in report.findings}


def events(report: Report, *kinds: str) -> list[Any]:
    return [event for phase in report.phases for event in phase.of(*kinds)]


def states(report: Report) -> list[str]:
    return [phase.status for phase in report.phases]


@pytest.mark.parametrize("name", BENIGN)
def test_a_benign_package_has_nothing_notable(reports: Reports, name: str) -> None:
    report = reports[name]
    assert states(report) == ["completed"] * 3
    assert not report.findings
    assert not report.cut


@pytest.mark.parametrize("name", [*BEHAVIOURS, *ATTACKS])
def test_every_phase_is_run_to_its_end(reports: Reports, name: str) -> None:
    assert states(reports[name]) == ["completed"] * 3
    assert not reports[name].fault


LEAKS = {
    "https base64": ("ssh key", "base64", "import"),
    "https to host": ("ssh key", "base64", "import"),
    "install curl": ("aws secret key", "plain", "install"),
    "dns secret": ("environment token", "hex", "import"),
    "udp": ("environment token", "plain", "import"),
    "registry abuse": ("database password", "plain", "import"),
    "npm postinstall": ("npm token", "hex", "install"),
    "npm fetch": ("environment token", "plain", "import"),
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_secret_that_was_sent_is_proof(reports: Reports, name: str) -> None:
    secret, form, phase = LEAKS[name]
    leak = next(event for event in reports[name].phase(phase).of("leak") if event["secret"] == secret)
    assert leak["form"] == form
    assert Level.CRITICAL in {one.level for one in reports[name].findings}


@pytest.mark.parametrize("name", [name for name in ALL if name not in LEAKS])
def test_nothing_else_is_called_a_leak(reports: Reports, name: str) -> None:
    assert not events(reports[name], "leak")
    assert Level.CRITICAL not in {one.level for one in reports[name].findings}


def test_what_was_encrypted_is_read(reports: Reports) -> None:
    (request,) = reports["https base64"].phase("import").of("http")
    assert (request["method"], request["path"], request["sni"], request["tls"]) == (
        "POST", "/drop", "collect.example", True,
    )  # fmt: skip
    assert request["body"]["text"].isascii()
    assert request["size"] > 500


def test_a_request_keeps_the_address_it_was_for(reports: Reports) -> None:
    request, *_ = reports["install curl"].phase("install").of("http")
    assert (request["address"], request["port"]) == ("198.51.100.20", 8080)
    assert {"fetch-tool", "secret-read", "upload", "secret-left"} <= rules(reports["install curl"])


def test_a_resolver_of_its_own_is_heard(reports: Reports) -> None:
    (asked,) = reports["own resolver"].phase("import").of("dns")
    assert (asked["name"], asked["server"], asked["answer"][:7]) == ("direct.example", "198.51.100.53", "198.18.")


def test_bytes_sent_to_any_address_are_kept(reports: Reports) -> None:
    (sent,) = reports["reverse shell"].phase("import").of("sent")
    assert (sent["address"], sent["port"], sent["data"]) == ("198.51.100.7", 4444, {"text": "uid=10001(dev)\n"})


def test_changes_that_start_with_the_machine_are_told(reports: Reports) -> None:
    found = {one.quote: one.reason for one in reports["autostart"].findings if one.rule == "dynamic-autostart"}
    assert "changed" in found["/home/dev/.bashrc"]
    assert "tried to change" in found["/etc/cron.d/sample"]


def test_a_dropped_program_is_kept_and_told(reports: Reports) -> None:
    report = reports["dropper"]
    (dropped,) = [one for one in report.dropped if one.path == "/tmp/.helper"]
    assert (dropped.sort, dropped.kept, dropped.phase) == ("script", True, "install")
    assert dropped.mode == "0o755"
    (kept,) = [one for one in report.attachments if one.id == dropped.sha256]
    assert kept.content == b"#!/bin/sh\necho dropped\n"
    assert "dropper" in rules(report)


def test_a_program_run_from_memory_is_told(reports: Reports) -> None:
    assert "fileless" in rules(reports["fileless"])
    assert any(event["path"].startswith("/memfd:payload") for event in events(reports["fileless"], "exec"))


def test_what_outlives_its_phase_is_ended_and_counted(reports: Reports) -> None:
    assert [phase.left for phase in reports["daemon"].phases] == [0, 1, 1]
    assert "left-running" in rules(reports["daemon"])


def test_what_only_a_call_does_is_weighed_as_such(reports: Reports) -> None:
    assert {one.level for one in reports["when called"].findings} == {Level.LOW}
    assert not reports["when called"].phase("import").of("dns", "http")


def test_a_thread_that_would_end_with_its_process_is_waited_for(reports: Reports) -> None:
    assert [one["sni"] for one in reports["thread"].phase("import").of("http")] == ["thread.example"]


def test_asking_for_the_clouds_credentials_is_told(reports: Reports) -> None:
    assert "cloud-metadata" in rules(reports["metadata"])


def test_a_mail_client_is_talked_to(reports: Reports) -> None:
    (sent,) = reports["mail"].phase("import").of("sent")
    assert (sent["protocol"], sent["name"]) == ("smtp", "mail.example")
    assert sent["data"]["text"].lower().startswith("ehlo ")


def test_a_client_that_trusts_nobody_is_seen_to_refuse(reports: Reports) -> None:
    assert any(event.get("why") for event in reports["pinned tls"].phase("import").of("tls"))


def test_a_registry_cannot_be_written_to(reports: Reports) -> None:
    report = reports["registry abuse"]
    (refused,) = report.phase("import").of("mirror_refused")
    assert (refused["method"], refused["path"]) == ("POST", "/pypi/legacy/")
    (strayed,) = report.phase("import").of("mirror_stray")
    assert "carried=out" in strayed["path"]
    assert {"registry-write", "registry-stray"} <= rules(report)


def test_lifecycle_scripts_stand_in_the_tree_of_processes(reports: Reports) -> None:
    processes = {one.pid: one for one in reports["npm postinstall"].phase("install").processes}
    script = next(one for one in processes.values() if one.path.endswith("node") and "-e" in one.argv)
    above = []
    parent = script.ppid
    while parent in processes:
        above.append(processes[parent])
        parent = processes[parent].ppid
    assert above[-1].installer
    assert not script.installer


def test_a_shell_unasked_is_told(reports: Reports) -> None:
    assert "shell" in rules(reports["npm shell"])


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("kill runner", "kill at process 1"),
        ("read runner", "opening /proc/1/mem"),
        ("io_uring", "io_uring_setup, by which calls could go unseen"),
        ("untraced", "a child nobody may trace (CLONE_UNTRACED)"),
        ("notifier", "seccomp, by which calls could go unseen"),
        ("debugger", "ptrace"),
    ],
)
def test_an_attempt_on_being_observed_is_told(reports: Reports, name: str, what: str) -> None:
    assert what in {event["what"] for event in events(reports[name], "tamper")}
    assert "tamper" in rules(reports[name])


def test_an_untraced_child_cannot_act(reports: Reports) -> None:
    assert b"unseen False" in reports["untraced"].phase("import").stdout


def test_a_debugger_learns_nothing_of_us(reports: Reports) -> None:
    assert b"traceme (0, 0)" in reports["debugger"].phase("import").stdout


def test_io_uring_does_not_exist(reports: Reports) -> None:
    assert b"io_uring -1 38" in reports["io_uring"].phase("import").stdout


def test_the_runner_cannot_be_read_or_ended(reports: Reports) -> None:
    said = reports["read runner"].phase("import").stdout.decode()
    assert said.count("Permission denied") >= 4
    assert "b'" not in said
    assert reports["kill runner"].phase("import").stdout.count(b"not permitted") >= 1


def test_a_package_cannot_write_the_report(reports: Reports) -> None:
    phase = reports["forged frames"].phase("import")
    assert b'"type":"done"' in phase.stdout
    assert b'"forged"' in phase.stderr
    assert not phase.of("leak")
    assert not reports["forged frames"].findings


def test_root_cannot_be_had(reports: Reports) -> None:
    assert reports["root"].phase("import").stdout.count(b"not permitted") == 3


def test_no_file_name_loses_a_record(reports: Reports) -> None:
    paths = {one.path for one in reports["names"].phase("import").files}
    wanted = {"com,ma", 'quo"te', "par(en", "clo)se", "new\nline", "an<gle", "an>gle", "back\\slash", "eq = 3"}
    wanted |= {"<unfinished ...>", "+++ exited with 0 +++", "\\xff\\xfe", "a" * 250, "\u202egnp.exe"}
    assert {f"/tmp/names/{name}" for name in wanted} <= paths
    assert "unread_lines" not in reports["names"].phase("import").cut
    json.dumps(reports["names"].as_json())


def test_no_link_is_followed(reports: Reports) -> None:
    assert not [one for one in reports["links"].dropped if one.path.startswith("/tmp/")]
    assert any(event.get("path") == "/tmp/link" for event in events(reports["links"], "file"))


# -- floods and faults


def test_a_fork_storm_ends_with_its_phase(reports: Reports) -> None:
    phase = reports["fork storm"].phase("import")
    assert phase.status == "timeout"
    assert phase.left > 100
    assert phase.duration_s < 8
    assert "exhaustion" in rules(reports["fork storm"])


def test_a_memory_hog_is_ended_and_told(reports: Reports) -> None:
    phase = reports["memory hog"].phase("import")
    assert [event["what"] for event in phase.of("limit")] == ["memory"]
    assert phase.signal == "SIGKILL"


def test_full_folders_leave_the_runner_alive(reports: Reports) -> None:
    report = reports["disk filler"]
    assert not report.fault
    assert report.phase("import").stdout.count(b"No space left") >= 3


def test_what_hears_no_signal_is_ended(reports: Reports) -> None:
    assert states(reports["deaf"]) == ["completed", "timeout", "timeout"]
    assert reports["deaf"].phase("import").duration_s < 5


def test_a_gigabyte_of_output_is_counted_not_kept(reports: Reports) -> None:
    phase = reports["loud"].phase("import")
    assert phase.status == "completed"
    assert len(phase.stdout) < 200_000
    assert b"[... 1073610752 bytes ...]" in phase.stdout


def test_a_flood_of_calls_is_counted(reports: Reports) -> None:
    phase = reports["calls"].phase("import")
    assert phase.calls["unlink"] == (50_000, 50_000)
    assert phase.cut["paths"] > 20_000


@pytest.mark.parametrize("name", ["bomb", "unbuildable", "no archive", "npm no archive", "hostile file name"])
def test_a_package_that_cannot_be_installed_says_so(reports: Reports, name: str) -> None:
    report = reports[name]
    assert states(report) == ["failed", "not_run", "not_run"]
    assert report.phase("import").why == "install ended as failed"
    assert report.phase("install").exit_status
    assert report.phase("install").stderr


def test_many_connections_are_taken_without_stall(reports: Reports) -> None:
    assert states(reports["descriptors"])[:2] == ["completed", "completed"]
    assert len(reports["descriptors"].phase("import").of("connect")) >= 200


def test_floods_leave_no_phase_without_an_end(reports: Reports) -> None:
    for name in FLOODS:
        assert reports[name].environment.network == "sinkhole"
        assert reports[name].duration_s > 0, name


# -- isolation


def test_nothing_of_the_outside_can_be_reached(reports: Reports) -> None:
    phase = reports["outside"].phase("import")
    said = phase.stdout.decode()
    assert "interfaces ['lo']" in said
    assert "reached" not in said
    assert {event["address"] for event in phase.of("sent")} >= {"172.17.0.1", "10.0.0.1", "192.168.1.1", "198.51.100.1"}


def test_a_listener_on_this_host_saw_nobody(reports: Reports, listener: Any) -> None:
    sent = [event for event in reports["outside"].phase("import").of("sent") if event["port"] == OUTSIDE_PORT]
    assert len(sent) == 6
    assert not listener.visitors


def test_what_was_sent_to_this_host_by_tls_is_read_and_did_not_arrive(reports: Reports, listener: Any) -> None:
    phase = reports["https to host"].phase("import")
    sent = phase.of("http")
    assert [(one["address"], one["port"], one["tls"]) for one in sent] == [
        ("172.17.0.1", OUTSIDE_PORT, True), (sent[1]["address"], OUTSIDE_PORT, True),
    ]  # fmt: skip
    assert sent[1]["name"] == "host.docker.internal"
    assert all(base64.b64decode(one["body"]["text"]).startswith(b"-----BEGIN OPENSSH PRIVATE KEY") for one in sent)
    assert phase.stdout.startswith(b"127.0.0.2"), "what is on loopback is the sandbox's own"
    assert not listener.visitors


def test_no_secret_of_this_host_is_inside(reports: Reports) -> None:
    said = b"".join(phase.stdout for phase in reports["environment"].phases).decode(errors="replace")
    assert "HOME': '/home/dev'" in said
    for word in (SECRET, str(Path(__file__).parents[2])):
        assert word not in said, word
    for name, value in os.environ.items():
        if len(value) > 12 and not value.startswith("/"):  # paths such as /usr/bin are everywhere
            assert value not in said, name


def test_the_raw_trace_and_the_packets_can_be_had(reports: Reports) -> None:
    kept = {one.name: one.content for one in reports["reverse shell"].attachments}
    assert kept["capture.pcap"][:4] == b"\xd4\xc3\xb2\xa1"
    assert b"uid=10001(dev)" in kept["capture.pcap"]
    assert kept["trace-import.strace.gz"][:2] == b"\x1f\x8b"


# -- other ecosystems


@pytest.mark.parametrize("name", ["plain gem", "plain composer"])
def test_a_benign_package_of_another_ecosystem_has_nothing_notable(reports: Reports, name: str) -> None:
    assert states(reports[name]) == ["completed"] * 3
    assert not reports[name].findings


@pytest.mark.parametrize(("name", "phases"), [("gem", "install import execute"), ("composer", "import execute")])
def test_what_another_ecosystems_package_does_is_told_by_phase(reports: Reports, name: str, phases: str) -> None:
    for phase in phases.split():
        asked = {event["name"] for event in reports[name].phase(phase).of("dns")}
        assert f"{phase}.{name}.example" in asked, phase
    assert any(one["symbol"] for one in reports[name].phase("execute").log)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("wolfi", "there is no apk"),
        ("crate without cargo", "add 'crates' to sandbox.ecosystems"),
        ("jar without java", "add 'maven' to sandbox.ecosystems"),
        ("no composer.json", "no composer.json can be read"),
    ],
)
def test_what_cannot_be_run_says_why(reports: Reports, name: str, why: str) -> None:
    assert states(reports[name])[0] == "not_run"
    assert why in reports[name].phase("install").why
