"""The report's document: in the shape Pack-a-mal's clients read with ours beside it, in OSSF's, and two compared."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pumpkin.analysis import seen
from pumpkin.model.reports import Phase, Report

VERSION = "1"
OSSF_OUTPUT = 4_096
_SHOWN_FINDINGS = 2_000
_OSSF_STATUS = {"completed": "completed", "failed": "error_analysis", "timeout": "error_timeout"}
_OSSF_ECOSYSTEMS = {"gem": "rubygems", "composer": "packagist", "cargo": "crates.io", "apk": "wolfi"}

Json = dict[str, Any]


def metadata(
    *,
    purl: str,
    ecosystem: str,
    name: str,
    version: str,
    status: str,
    outcome: str,
    started: str,
    completed: str,
    duration_s: float,
) -> Json:
    """The document's head; times in RFC 3339."""
    return {
        "created_at": completed,
        "package": {"name": name, "version": version, "ecosystem": ecosystem, "purl": purl},
        "analysis": {
            "status": status,
            "outcome": outcome,
            "started_at": started,
            "completed_at": completed,
            "duration_seconds": round(duration_s, 3),
        },
        "api": {"version": "v1", "endpoint": "/api/v1/analyze/", "generated_by": "Pumpkin", "document": VERSION},
    }


def results(
    *,
    name: str,
    version: str,
    duration_s: float,
    dynamic: Report | None,
    tools: Mapping[str, Json],
    findings: Sequence[Json],
    verdict: Json,
    artifacts: Sequence[Json],
    proof: Json,
    rules: str,
) -> Json:
    """`analysis_results`: Pack-a-mal's keys, and ours beside them."""
    phases = {phase.name: phase for phase in dynamic.phases} if dynamic else {}
    own = dynamic.as_json() if dynamic else {}
    return {
        "packages": {"package_name": name, "package_version": version},
        "time": round(duration_s, 3),
        "install": old_phase(phases.get("install")) | seen.of_phase(dynamic, "install"),
        "import": old_phase(phases.get("import")) | seen.of_phase(dynamic, "import"),
        "execute": old_phase(phases.get("execute")) | seen.of_phase(dynamic, "execute"),
        "execution_log": seen.execution_log(dynamic),
        "yara_analysis": _yara(findings),
        "outcome": verdict["outcome"],
        "verdict": verdict,
        "findings": list(findings[:_SHOWN_FINDINGS]),
        "findings_cut": max(0, len(findings) - _SHOWN_FINDINGS),
        "tools": dict(tools),
        "artifact": artifacts[0] if artifacts else None,
        "artifacts": list(artifacts),
        "environment": own.get("environment"),
        "phases": own.get("phases", []),
        "processes": _processes(own.get("phases", [])),
        "dropped": own.get("dropped", []),
        "attachments": own.get("attachments", []),
        "cut": own.get("cut", {}),
        "fault": own.get("fault", ""),
        "proof": proof,
        "rules": rules,
    }


def old_phase(phase: Phase | None) -> Json:
    """A phase as Pack-a-mal's clients read it; one that was not run has the same keys, empty, and says why."""
    if phase is None:
        phase = Phase("", why="there was no dynamic analysis")
    files = {
        kind: sorted(use.path for use in phase.files if getattr(use, kind)) for kind in ("read", "write", "delete")
    }
    addresses = _addresses(phase)
    return {
        "status": phase.status,
        "why": phase.why,
        "duration_s": round(phase.duration_s, 3),
        "num_files": len({path for paths in files.values() for path in paths}),
        "num_commands": len(phase.processes),
        "num_network_connections": len(addresses),
        "num_system_calls": sum(made + failed for made, failed in phase.calls.values()),
        "files": files,
        "dns": sorted({str(event.get("name", "")) for event in phase.of("dns")}),
        "ips": addresses,
        "commands": [list(process.argv) for process in phase.processes],
        "syscalls": _calls(phase),
        "syscall_summary": {
            name: {"calls": made + failed, "errors": failed} for name, (made, failed) in sorted(phase.calls.items())
        },
        "traced": "set",
    }


def _addresses(phase: Phase) -> list[Json]:
    """Where it connected to, each address and port once, with the names that led there."""
    found: dict[tuple[str, int], set[str]] = {}
    for event in phase.of("connect", "send"):
        if event.get("family") == "unix" or not event.get("address"):
            continue
        names = found.setdefault((str(event["address"]), int(event.get("port") or 0)), set())
        if event.get("name"):
            names.add(str(event["name"]))
    return [
        {"Address": address, "Port": port, "Hostnames": sorted(names)}
        for (address, port), names in sorted(found.items())
    ]


def _calls(phase: Phase) -> list[str]:
    """One line for each event worth a line, as the old tool printed calls."""
    lines = []
    for event in phase.events:
        if event["kind"] in ("file", "connect", "send", "exec", "tamper"):
            what = event.get("path") or event.get("name") or event.get("address") or event.get("what") or ""
            lines.append(" ".join(filter(None, (event["kind"], event.get("op", ""), str(what)))))
    return lines


def _yara(findings: Iterable[Mapping[str, Any]]) -> Json:
    """Findings of the text rules by file."""
    files: dict[str, list[Json]] = {}
    for one in findings:
        if one.get("group") == "static-text":
            shown = {"rule": one["rule"], "severity": one["level"], "description": one["reason"], "line": one["line"]}
            files.setdefault(str(one.get("file", "")), []).append(shown)
    return {"total": sum(map(len, files.values())), "files": files}


def _processes(phases: Iterable[Mapping[str, Any]]) -> list[Json]:
    return [{**process, "phase": phase["name"]} for phase in phases for process in phase["processes"]]


def ossf(document: Mapping[str, Any]) -> Json:
    """The stored document in the shape of OSSF's package analysis."""
    package, found = document["metadata"]["package"], document["analysis_results"]
    ecosystem = package["ecosystem"]
    return {
        "Package": {
            "Ecosystem": _OSSF_ECOSYSTEMS.get(ecosystem, ecosystem),
            "Name": package["name"],
            "Version": package["version"],
        },
        "CreatedTimestamp": document["metadata"]["created_at"],
        "Analysis": {
            phase["name"]: _ossf_phase(phase, found[phase["name"]])
            for phase in found["phases"]
            if phase["status"] != "not_run" and isinstance(found.get(phase["name"]), dict)
        },
    }


def scanned(document: Mapping[str, Any]) -> Json:
    """The stored document as `pumpkin scan` tells of a package, which `outputs` writes in the formats of others."""
    found = document["analysis_results"]
    verdict = found["verdict"]
    return {
        "outcome": document["metadata"]["analysis"]["outcome"],
        "score": verdict["score"],
        "why": verdict["why"],
        "groups": verdict["groups"],
        "findings": found["findings"],
        "not_checked": verdict["not_checked"],
        "artifact": found["artifact"],
        "rules": found["rules"],
    }


def _ossf_phase(phase: Mapping[str, Any], old: Mapping[str, Any]) -> Json:
    return {
        "Status": _OSSF_STATUS.get(phase["status"], "error_other"),
        "Stdout": _tail(phase["stdout"]),
        "Stderr": _tail(phase["stderr"]),
        "Files": [
            {
                "Path": use["path"],
                "Read": bool(use["read"]),
                "Write": bool(use["write"]),
                "Delete": bool(use["delete"]),
            }
            for use in phase["files"]
        ],
        "Sockets": old["ips"],
        "Commands": [
            {"Command": process["argv"], "Environment": [f"{key}={value}" for key, value in process["env"].items()]}
            for process in phase["processes"]
        ],
        "DNS": [{"Class": "IN", "Queries": [{"Hostname": name, "Types": ["A"]} for name in old["dns"]]}]
        if old["dns"]
        else [],
    }


def _tail(output: Mapping[str, str]) -> str:
    """The last bytes of what a phase printed, in base64."""
    data = output["text"].encode() if "text" in output else base64.b64decode(output["base64"])
    return base64.b64encode(data[-OSSF_OUTPUT:]).decode()


def difference(first: Mapping[str, Any], second: Mapping[str, Any]) -> Json:
    """What `second` has and `first` has not (`added`), and the other way (`removed`), by kind of thing."""
    before, after = _things(first), _things(second)
    added = {kind: [one for one in after[kind] if one not in before[kind]] for kind in after}
    removed = {kind: [one for one in before[kind] if one not in after[kind]] for kind in before}
    old, new = first["analysis_results"]["verdict"], second["analysis_results"]["verdict"]
    return {
        "verdict": {"from": _judged(old), "to": _judged(new), "changed": _judged(old) != _judged(new)},
        "added": {kind: found for kind, found in added.items() if found},
        "removed": {kind: found for kind, found in removed.items() if found},
    }


def _judged(verdict: Mapping[str, Any]) -> Json:
    return {"outcome": verdict["outcome"], "score": verdict["score"]}


def _things(document: Mapping[str, Any]) -> dict[str, dict[str, None]]:
    """What a report says, as sorted sets of lines that can be compared."""
    found = document["analysis_results"]
    phases = [found[name] for name in ("install", "import", "execute")]

    def lines(values: Iterable[str]) -> dict[str, None]:
        return dict.fromkeys(sorted(set(values)))

    return {
        "findings": lines(f"{one['level']} {one['rule']} {one['file']}" for one in found["findings"]),
        "artifacts": lines(f"{one.get('file', '')} {one.get('sha256', '')}" for one in found["artifacts"]),
        "hosts": lines(name for phase in phases for name in phase["dns"]),
        "addresses": lines(f"{one['Address']}:{one['Port']}" for phase in phases for one in phase["ips"]),
        "commands": lines(" ".join(argv) for phase in phases for argv in phase["commands"]),
        "files_written": lines(path for phase in phases for path in phase["files"]["write"]),
        "files_deleted": lines(path for phase in phases for path in phase["files"]["delete"]),
    }
