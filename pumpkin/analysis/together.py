"""Events that only mean something together: reverse shells, secrets read and the network spoken to, what is hooked."""

from __future__ import annotations

import re
from collections import defaultdict

from pumpkin.analysis.flow import Event, Reach, Sink, Tag
from pumpkin.analysis.grading import EAGER, finding, fixed, raw
from pumpkin.analysis.places import LOCAL_ADDRESS, TEMPORARY
from pumpkin.model.findings import Finding, Level

_SENSITIVE_HOOK = re.compile(
    r"getpass|builtins\.input|sys\.|requests\.|urllib3|http\.client|^https?\.|^JSON\.parse|Module\._load|paramiko|smtplib|SSLSocket|crypto|boto3"
    r"|\b(?:Account|Keypair|Wallet|PrivateKey|Mnemonic)\."
)
_HIDDEN_FILE = re.compile(r"(?:^|[\s/\\])\.\w[\w.-]*(?:\s|$)")
_SCRIPT = re.compile(r"\.(?:vbs|bat|cmd|ps1|hta|wsf|jse?|exe|scr|sh|command)$", re.IGNORECASE)
_CLIP_READ = re.compile(r"xclip\s[^\n]*-o|xsel\s[^\n]*-o|pbpaste|Get-Clipboard|wl-paste")
_CLIP_SET = re.compile(r"xclip(?![^\n]*\s-o)|xsel\s[^\n]*-i|pbcopy|Set-Clipboard|wl-copy|clip\.exe")


def judged(events: list[Event]) -> list[Finding]:
    """Events that are a reverse shell, or a drop and its start, only beside one another."""
    scopes: dict[tuple[str, str], dict[Sink, Event]] = defaultdict(dict)
    for event in events:
        scopes[event.file, event.scope].setdefault(event.sink, event)
    findings = []
    for acts in scopes.values():
        if {Sink.REDIRECT, Sink.CONNECT, Sink.SPAWN} <= acts.keys():
            event = acts[Sink.REDIRECT]
            level = Level.CRITICAL if event.reach >= Reach.CALLED else Level.MEDIUM
            rule = ("flow-reverse-shell", level, "T1059", "connects out and hands its input and output to a shell")
            findings.append(finding(event, rule))
    return [*findings, *_across(events)]


_ACCOUNTS = re.compile(r"^/etc/(?:passwd|group)$")
"""What everybody may read, and programs that change their user do."""


def _across(events: list[Event]) -> list[Finding]:
    """What is done unasked in one package: secrets read and the network spoken to; functions hooked and reported."""
    eager = [event for event in events if event.reach >= EAGER]
    out = [
        event
        for event in eager
        if event.sink is Sink.SEND and event.name != "print" and not LOCAL_ADDRESS.search(event.text)
    ]
    secrets = [event for event in eager if event.sink is Sink.READ_SECRET]
    findings = []
    if out and secrets:
        level = Level.HIGH if all(_ACCOUNTS.search(event.text) for event in secrets) else Level.CRITICAL
        rule = ("flow-secret-and-network", level, "T1552.001", "reads secrets and talks to the network")
        findings.append(finding(secrets[0], rule))
    listened = [event for event in eager if event.sink is Sink.HIDE]
    if out and listened:
        rule = ("flow-keylogger", Level.CRITICAL, "T1056.001", "listens to the keyboard and talks to the network")
        findings.append(finding(listened[0], rule))
    for event in eager:
        if event.sink is Sink.LISTEN and event.file in {
            one.file for one in eager if one.sink is Sink.CONNECT and fixed(one.text)
        }:
            rule = ("flow-relay", Level.HIGH, "T1090", "waits for connections and opens others")
            findings.append(finding(event, rule))
    return [*findings, *_hooked(events), *_clipboard(eager), *_dropped(eager, networked=bool(out))]


def _hooked(events: list[Event]) -> list[Finding]:
    """A function of others hooked unasked, in a file that talks to a fixed address."""
    sent: dict[str, bool] = {}
    passed = {
        event.file
        for event in events
        if event.sink is Sink.SEND
        and Tag.HANDED in event.tags
        and event.reach > Reach.ASIDE
        and (fixed(event.text) or raw(event.text))
    }
    for event in events:
        if event.sink in (Sink.SEND, Sink.CONNECT) and event.reach > Reach.ASIDE:
            sent[event.file] = sent.get(event.file, False) or fixed(event.text) or raw(event.text)
    findings = []
    for event in events:
        if event.reach >= EAGER and event.sink is Sink.HOOK and sent.get(event.file):
            grave = _SENSITIVE_HOOK.search(event.name) or event.file in passed
            level = Level.CRITICAL if grave else Level.HIGH
            rule = ("flow-hook-and-network", level, "T1056", "hooks a function and talks to a fixed address")
            findings.append(finding(event, rule))
    return findings


def _clipboard(eager: list[Event]) -> list[Finding]:
    """Read and changed by commands, unasked."""
    started = [event for event in eager if event.sink is Sink.SPAWN]
    read = any(_CLIP_READ.search(event.text) for event in started)
    changed = [event for event in started if _CLIP_SET.search(event.text)]
    rule = ("flow-clipboard", Level.CRITICAL, "T1115", "reads the clipboard and changes it by commands")
    return [finding(changed[0], rule)] if read and changed else []


def _dropped(eager: list[Event], *, networked: bool) -> list[Finding]:
    """A program written and then started: with the network at hand, or a script in a place for temporary files."""
    written = {event.text for event in eager if event.sink is Sink.WRITE and len(event.text.strip("\ufffc/.~")) > 3}
    findings = []
    for event in eager:
        started = [path for path in written if path in event.text] if event.sink is Sink.SPAWN else []
        if not networked and any(TEMPORARY.search(path) and _SCRIPT.search(path) for path in started):
            rule = ("flow-dropper", Level.HIGH, "T1059", "writes a script to a temporary place and runs it")
            findings.append(finding(event, rule))
        if networked and started:
            hidden = TEMPORARY.search(event.text) or _HIDDEN_FILE.search(event.text)
            level = Level.CRITICAL if hidden else Level.MEDIUM
            rule = ("flow-dropper", level, "T1105", "writes a program and runs it, with the network at hand")
            findings.append(finding(event, rule))
    return findings
