"""Behaviour to findings: what a package did in the sandbox that speaks against it.

A baseline (what the image does when a package that does nothing is analysed) is taken away first, as are the deeds of
the installer itself. A decoy found in what reached the sinkhole is proof and needs no weighing; the rest is judged by
phase, since a library may do when called what it must not do unasked when installed or imported.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from pumpkin.model.findings import Finding, Group, Level, quoted
from pumpkin.model.reports import Phase, Report

TOOL = "dynamic"
FINDINGS_A_RULE = 20
IDENTIFIER = "aws access key id"  # every signed request to that cloud names it; alone it is no proof
_HOME = "/home/dev"
_AUTOSTART = re.compile(
    rf"{_HOME}/\.(?:bashrc|profile|bash_profile|bash_login|zshrc|zprofile|config/autostart/|config/systemd/user/"
    r"|ssh/authorized_keys|ssh/rc|local/lib/python[\d.]+/site-packages/(?:usercustomize|sitecustomize)\.py)"
    r"|/etc/(?:cron|ld\.so\.preload|systemd/|init\.d/|profile|rc\.local|sudoers)|/var/spool/cron|/lib/systemd/system/"
)
_RANDOM = re.compile(r"""(?<=[-_/.])[A-Za-z0-9_]{8}(?=[/.'"]|$)|[0-9a-f]{12,}|\d{4,}""")
_FETCHERS = frozenset({"curl", "wget", "nc", "ncat", "socat", "telnet", "ftp", "scp", "ssh"})
_METADATA = "169.254.169.254"
_ENGINE = ("docker.sock", "containerd.sock", "podman.sock")
_UNASKED = ("install", "import")

Event = Mapping[str, Any]


def findings(report: Report, baseline: Collection[str] = ()) -> list[Finding]:
    """One finding for each thing seen, said once over all phases (in the gravest form), at most twenty a rule."""
    strongest: dict[tuple[str, str], Finding] = {}
    for phase in report.phases:
        for one in _phase(report, phase, frozenset(baseline)):
            key = (one.rule, one.quote)
            if key not in strongest or one.level.rank > strongest[key].level.rank:
                strongest[key] = one
    kept: dict[str, int] = {}
    found = []
    for one in sorted(strongest.values(), key=lambda one: (-one.level.rank, one.rule, one.quote)):
        kept[one.rule] = kept.get(one.rule, 0) + 1
        if kept[one.rule] <= FINDINGS_A_RULE:
            found.append(one)
    return found


def baseline(report: Report) -> frozenset[str]:
    """The marks of everything told in a run of a package that does nothing."""
    return frozenset(_mark(event) for phase in report.phases for event in phase.events)


def notable(phase: Phase, known: Collection[str] = ()) -> list[Event]:
    """A phase's events without the installer's own and the baseline's."""
    return [event for event in phase.events if not event.get("installer") and _mark(event) not in known]


def _mark(event: Event) -> str:
    kind = str(event["kind"])
    what = event.get("path") or event.get("name") or event.get("address") or event.get("what") or ""
    if kind in ("exec", "exit"):
        what = " ".join(map(str, event.get("argv", ())))[:200]
    return f"{kind} {event.get('op', '')} {event.get('error', '')} {_RANDOM.sub('*', str(what))}"


def _phase(report: Report, phase: Phase, known: frozenset[str]) -> Iterator[Finding]:
    events = notable(phase, known)
    unasked = phase.name in _UNASKED
    for event in events:
        rule = _RULES.get(str(event["kind"]))
        if rule:
            yield from rule(event, phase.name, unasked)
    yield from _ran_what_it_wrote(report, phase, events)
    if phase.left:
        yield _finding(
            "dynamic-left-running", Level.MEDIUM if unasked else Level.LOW,
            f"{phase.left} processes went on after the {phase.name} phase ended", f"{phase.left}", "T1543",
        )  # fmt: skip


def _leak(event: Event, phase: str, unasked: bool) -> Iterable[Finding]:
    to = _where(event)
    level = Level.CRITICAL
    if event["secret"] == IDENTIFIER:
        level = Level.HIGH if unasked else Level.LOW
    if event.get("mirror"):
        reason = f"the secret '{event['secret']}' was sent to the package registry ({event['form']})"
    else:
        reason = f"the secret '{event['secret']}' left the machine in the {phase} phase ({event['form']}), to {to}"
    yield _finding("dynamic-secret-left", level, reason, f"{event['secret']} -> {to}", "T1041")


def _decoy(event: Event, phase: str, unasked: bool) -> Iterable[Finding]:
    path = str(event["path"])
    level = Level.HIGH if unasked else Level.LOW if path.endswith(".netrc") else Level.MEDIUM
    done = {"read": "read", "write": "changed", "create": "replaced"}.get(str(event["op"]), str(event["op"]))
    yield _finding("dynamic-secret-read", level, f"{path} was {done} in the {phase} phase", path, "T1552.001")


def _connected(event: Event, phase: str, unasked: bool) -> Iterable[Finding]:
    if event.get("family") == "unix":
        if str(event.get("path", "")).endswith(_ENGINE):
            path = str(event["path"])
            yield _finding(
                "dynamic-engine-socket", Level.HIGH, f"it reached for the container engine at {path}", path, "T1611"
            )
        return
    address = str(event.get("address", ""))
    if address.startswith("127.") or address in ("::1", "0.0.0.0", "::") or event.get("port") in (0, 53):  # noqa: S104
        return
    if address == _METADATA:
        yield _finding(
            "dynamic-cloud-metadata", Level.HIGH, "it asked for the cloud's credentials", address, "T1552.005"
        )
    elif not address.startswith("198.1"):
        yield _network(f"{address}:{event.get('port')}", phase, unasked)


def _name(event: Event, phase: str, unasked: bool) -> Iterable[Finding]:
    yield _network(str(event.get("name", "")), phase, unasked)


def _requested(event: Event, phase: str, unasked: bool) -> Iterable[Finding]:
    size = int(event.get("size", 0))
    if size and event.get("method") in ("POST", "PUT", "PATCH"):
        reason = f"{size} bytes were posted to {_where(event)} in the {phase} phase"
        yield _finding("dynamic-upload", Level.HIGH if unasked else Level.LOW, reason, _where(event), "T1041")


def _network(to: str, phase: str, unasked: bool) -> Finding:
    level = Level.MEDIUM if unasked else Level.LOW
    return _finding("dynamic-network", level, f"it reached for {to} in the {phase} phase", to, "T1071")


def _executed(event: Event, phase: str, unasked: bool) -> Iterable[Finding]:
    argv = [str(one) for one in event.get("argv", ())]
    name = str(event.get("path", "")).rpartition("/")[2]
    said = " ".join(argv)
    if event.get("fileless"):
        yield _finding(
            "dynamic-fileless", Level.HIGH, f"a program was run from memory in the {phase} phase", said, "T1620"
        )
    if event.get("error"):
        return
    if name in _FETCHERS:
        level = Level.MEDIUM if unasked else Level.LOW
        yield _finding("dynamic-fetch-tool", level, f"{name} was run in the {phase} phase", said, "T1105")
    elif name in ("sh", "bash", "dash") and "-c" in argv and unasked:
        yield _finding("dynamic-shell", Level.LOW, f"a shell was run in the {phase} phase", said, "T1059.004")


def _file(event: Event, phase: str, _: bool) -> Iterable[Finding]:
    path, op = str(event.get("path", "")), str(event.get("op", ""))
    if op in ("write", "create", "rename") and _AUTOSTART.match(path):
        did = "tried to change" if event.get("error") else "changed"
        yield _finding("dynamic-autostart", Level.HIGH, f"it {did} {path} in the {phase} phase", path, "T1547")


def _tampered(event: Event, phase: str, unasked: bool) -> Iterable[Finding]:
    what = str(event["what"])
    if what.startswith("opening /proc") and not what.endswith("/mem") and not unasked:
        level = Level.LOW  # what lists processes does that when called
    else:
        grave = what.startswith(("kill", "opening /proc", "a child nobody", "process_vm", "pidfd"))
        level = Level.HIGH if grave else Level.MEDIUM
    yield _finding("dynamic-tamper", level, f"an attempt on being observed in the {phase} phase: {what}", what, "T1562")


def _refused(event: Event, phase: str, _: bool) -> Iterable[Finding]:
    what = f"{event['method']} {event['path']}"
    yield _finding(
        "dynamic-registry-write", Level.HIGH, f"it tried to write to the registry in the {phase} phase", what, "T1567"
    )


def _strayed(event: Event, phase: str, _: bool) -> Iterable[Finding]:
    path = str(event["path"])
    yield _finding(
        "dynamic-registry-stray", Level.MEDIUM, f"the registry was asked for what is no package: {path}", path, "T1567"
    )


def _ran_what_it_wrote(report: Report, phase: Phase, events: list[Event]) -> Iterator[Finding]:
    written = {use.path for one in report.phases for use in one.files if use.writes and not use.installer}
    for event in events:
        path = str(event.get("path", ""))
        if event["kind"] == "exec" and not event.get("error") and path in written:
            yield _finding("dynamic-dropper", Level.HIGH, f"it ran {path}, which it had written itself", path, "T1105")


def _exhausted(event: Event, phase: str, unasked: bool) -> Iterable[Finding]:
    what = str(event.get("what", ""))
    level = Level.MEDIUM if unasked else Level.LOW
    yield _finding("dynamic-exhaustion", level, f"it used up its {what} in the {phase} phase", what, "T1499")


def _finding(rule: str, level: Level, reason: str, quote: str, tactic: str) -> Finding:
    return Finding(TOOL, rule, level, Group.DYNAMIC, quoted(reason, 400), tactic, quote=quoted(quote))


def _where(event: Event) -> str:
    name = event.get("sni") or event.get("host") or event.get("name") or event.get("address") or "?"
    port = event.get("port")
    return f"{name}:{port}" if port and ":" not in str(name) else str(name)


_RULES: dict[str, Callable[[Event, str, bool], Iterable[Finding]]] = {
    "leak": _leak,
    "decoy_touched": _decoy,
    "connect": _connected,
    "send": _connected,
    "dns": _name,
    "http": _requested,
    "exec": _executed,
    "file": _file,
    "tamper": _tampered,
    "limit": _exhausted,
    "mirror_refused": _refused,
    "mirror_stray": _strayed,
}
