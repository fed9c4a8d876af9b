"""More of what behaviour means, beside `observed`: known attack commands, mining, DNS tunnels, looking for a sandbox.

Works on a finished sandbox report, so that old evidence can be judged by rules of today.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from pumpkin.analysis.places import attack
from pumpkin.model.findings import Finding, Group, Level, quoted
from pumpkin.model.reports import Phase, Report

TOOL = "dynamic"
_POOL = re.compile(
    r"(?:^|\.)(?:pool|xmr|monero|mining|stratum)[\w-]*\.|minexmr|nanopool|supportxmr|hashvault|2miners", re.I
)
_MINING_PORTS = frozenset({3333, 4444, 5555, 7777, 14433, 14444, 45700})
_WATCHED = re.compile(
    r"^/(?:\.dockerenv|run/\.containerenv|proc/(?:1/(?:cgroup|sched)|scsi/scsi)|sys/class/dmi/|sys/hypervisor/)"
)
_LABEL, _NAMES = 40, 20
_PIP_CALLER = "\nexec(compile('''\n# This is <pip-setuptools-caller> -- "


def findings(report: Report) -> list[Finding]:
    """Findings over all phases, each said once, gravest first; the installer's own deeds are left out."""
    found: dict[tuple[str, str], Finding] = {}
    for phase in report.phases:
        for one in (*_commands(phase), *_mining(phase), *_tunnels(phase), *_watching(phase)):
            known = found.get((one.rule, one.quote))
            if known is None or one.level.rank > known.level.rank:
                found[one.rule, one.quote] = one
    return sorted(found.values(), key=lambda one: (-one.level.rank, one.rule, one.quote))


def _commands(phase: Phase) -> Iterator[Finding]:
    """Programs started whose command line is known as an attack."""
    installers: set[Any] = set()
    seen: set[Any] = set()
    for event in phase.of("exec"):
        pid, first = event.get("pid"), event.get("pid") not in seen
        seen.add(pid)
        if event.get("installer"):
            installers.add(pid)
            continue
        argv = tuple(map(str, event.get("argv", ())))
        if first and event.get("ppid") in installers and _runs_setup(argv):
            continue
        said = " ".join(argv)
        known = attack(said)
        if known is not None:
            level = known.level if phase.name in ("install", "import") else Level.MEDIUM
            yield _found(
                f"dynamic-{known.rule}",
                level,
                f"a command {known.reason} in the {phase.name} phase",
                said,
                known.tactic,
            )


def _runs_setup(argv: tuple[str, ...]) -> bool:
    """Whether this is how pip runs a setup.py. What the setup.py does is the package's; that it is run so is not."""
    return any(one == "-c" and code.startswith(_PIP_CALLER) for one, code in pairwise(argv[1:]))


def _mining(phase: Phase) -> Iterator[Finding]:
    for event in phase.of("dns"):
        name = str(event.get("name", ""))
        if _POOL.search(name):
            yield _found(
                "dynamic-mining", Level.HIGH, f"it looked for a mining pool in the {phase.name} phase", name, "T1496"
            )
    for event in phase.of("connect"):
        if event.get("port") in _MINING_PORTS and not event.get("installer") and event.get("family") != "unix":
            where = f"{event.get('address')}:{event.get('port')}"
            yield _found(
                "dynamic-mining-port", Level.MEDIUM, "it reached for a port that mining pools use", where, "T1496"
            )


def _tunnels(phase: Phase) -> Iterator[Finding]:
    """Names that carry data: very long labels, or many different ones below one domain."""
    below: defaultdict[str, set[str]] = defaultdict(set)
    for event in phase.of("dns"):
        labels = str(event.get("name", "")).rstrip(".").split(".")
        below[".".join(labels[-2:])].add(".".join(labels[:-2]))
        if any(len(label) >= _LABEL for label in labels):
            reason = f"a name it asked for carries data in the {phase.name} phase"
            yield _found("dynamic-dns-tunnel", Level.HIGH, reason, ".".join(labels), "T1071.004")
    for domain, names in below.items():
        if len(names) >= _NAMES:
            reason = f"it asked for {len(names)} names below one domain in the {phase.name} phase"
            yield _found("dynamic-dns-tunnel", Level.HIGH, reason, domain, "T1071.004")


def _watching(phase: Phase) -> Iterator[Finding]:
    """Files that tell whether this is a container or a virtual machine."""
    for use in phase.files:
        if not use.installer and (use.read or use.tried) and _WATCHED.match(use.path):
            reason = f"it looked whether it is watched in the {phase.name} phase"
            yield _found("dynamic-evasion", Level.MEDIUM, reason, use.path, "T1497.001")


def _found(rule: str, level: Level, reason: str, quote: str, tactic: str) -> Finding:
    return Finding(TOOL, rule, level, Group.DYNAMIC, quoted(reason, 400), tactic, quote=quoted(quote))
