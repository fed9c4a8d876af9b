"""Folds what a sandbox said into a report: frames in, processes, files, events and attachments out.

The runner has read strace's lines already (`pumpkin.runner.trace`); here its totals of each step are put together
by phase. The sandbox is a stranger: a frame that is not of the documented form is counted, and changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pumpkin.model.reports import PHASES, Artifact, Attachment, Dropped, Environment, FileUse, Phase, Process, Report

EVENT_LIMIT = 5_000
DROPPED_LIMIT = 500
KEPT_LIMIT = 32 << 20
_COUNTS = ("read", "write", "create", "delete", "rename", "chmod", "tried", "size", "writes")


@dataclass
class _Open:
    """One phase while it is being told."""

    status: str = "not_run"
    why: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    stdout: bytes = b""
    stderr: bytes = b""
    processes: list[Process] = field(default_factory=list)
    files: dict[str, FileUse] = field(default_factory=dict)
    calls: dict[str, tuple[int, int]] = field(default_factory=dict)
    events: list[Mapping[str, Any]] = field(default_factory=list)
    log: list[Mapping[str, Any]] = field(default_factory=list)
    cut: dict[str, int] = field(default_factory=dict)


class Folding:
    """Takes frames in the order they came; `report()` any time gives what is known so far."""

    def __init__(self, artifact: Artifact, environment: Environment, started: float) -> None:
        self._artifact, self._environment, self._started = artifact, environment, started
        self._phases = {name: _Open() for name in PHASES}
        self._dropped: dict[tuple[str, str], Dropped] = {}
        self._attachments: dict[str, Attachment] = {}
        self._kept = 0
        self._cut: dict[str, int] = {}
        self._duration = self._cpu = 0.0
        self._fault = ""
        self.ended = False
        self.told = 0  # frames taken

    def add(self, header: Mapping[str, Any], body: bytes = b"") -> None:
        """One frame."""
        self.told += 1
        try:
            self._take(header, body)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError):
            self._count("unreadable_frames")

    def lost(self, why: str) -> None:
        """The sandbox ended before its last word."""
        self._fault = why[:500]

    def report(self) -> Report:
        """What all frames came to."""
        return Report(
            self._artifact,
            self._environment,
            tuple(_phase(name, one) for name, one in self._phases.items()),
            tuple(self._dropped.values()),
            tuple(self._attachments.values()),
            cut=dict(self._cut),
            started=self._started,
            duration_s=self._duration,
            cpu_s=self._cpu,
            fault=self._fault,
        )

    def _take(self, header: Mapping[str, Any], body: bytes) -> None:
        match header["type"]:
            case "event":
                self._event(header)
            case "phase":
                self._moved(header)
            case "blob":
                self._blob(header, body)
            case "done":
                self._duration, self.ended = float(header["duration_s"]), True
                self._cpu = float(header.get("cpu_s", 0))
                for name, count in header.get("cut", {}).items():
                    self._cut[str(name)[:40]] = int(count)
            case "fault":
                self._fault, self.ended = str(header["error"])[:500], True
            case _:
                self._count("unreadable_frames")

    def _event(self, header: Mapping[str, Any]) -> None:
        phase = self._phases.get(header.get("phase") or "") or self._phases[PHASES[0]]
        if len(phase.events) >= EVENT_LIMIT:
            phase.cut["events"] = phase.cut.get("events", 0) + 1
            return
        phase.events.append({"kind": str(header["kind"]), **{k: v for k, v in header.items() if k not in _FRAME}})

    def _moved(self, header: Mapping[str, Any]) -> None:
        phase = self._phases[header["phase"]]
        if header["state"] == "ended":
            phase.status, phase.why = str(header["status"]), str(header.get("why", ""))[:500]
            phase.facts = {name: header.get(name) for name in ("duration_s", "exit_status", "signal", "left")}

    def _blob(self, header: Mapping[str, Any], body: bytes) -> None:
        what = header["what"]
        if what == "pcap":
            self._keep("capture.pcap", body)
            return
        name = str(header["phase"])
        phase = self._phases[name]
        if what == "totals":
            self._totals(phase, json.loads(body))
        elif what == "stdout":
            phase.stdout += body
        elif what == "stderr":
            phase.stderr += body
        elif what == "trace":
            self._keep(f"trace-{name}.strace.gz", body)
        elif what == "file":
            self._file(name, header, body)

    def _totals(self, phase: _Open, totals: Mapping[str, Any]) -> None:
        phase.processes += [_process(one) for one in totals.get("processes", ())]
        for one in totals.get("files", ()):
            use = _use(one)
            known = phase.files.get(use.path)
            phase.files[use.path] = _together(known, use) if known else use
        for call, (made, failed) in totals.get("calls", {}).items():
            before = phase.calls.get(call, (0, 0))
            phase.calls[str(call)] = (before[0] + int(made), before[1] + int(failed))
        for name, count in totals.get("cut", {}).items():
            phase.cut[str(name)] = phase.cut.get(str(name), 0) + int(count)
        phase.log += [one for one in totals.get("results", ()) if isinstance(one, dict)]

    def _file(self, phase: str, header: Mapping[str, Any], body: bytes) -> None:
        if len(self._dropped) >= DROPPED_LIMIT:
            self._count("dropped_files")
            return
        digest = header.get("sha256")
        kept = bool(body) and hashlib.sha256(body).hexdigest() == digest
        if kept:
            kept = self._keep(f"file-{digest}", body)
        path = str(header["path"])
        self._dropped[phase, path] = Dropped(
            path, phase, int(header["size"]), str(header["mode"])[:10], str(digest) if digest else None,
            str(header["sort"])[:20], bytes.fromhex(header["head"]), kept,
        )  # fmt: skip

    def _keep(self, name: str, body: bytes) -> bool:
        if name.startswith("trace-") and name in self._attachments:
            body = self._attachments[name].content + body  # gzip files may follow one another
        if self._kept + len(body) > KEPT_LIMIT:
            self._count("attachments")
            return False
        self._kept += len(body)
        self._attachments[name] = Attachment(name, body)
        return True

    def _count(self, what: str) -> None:
        self._cut[what] = self._cut.get(what, 0) + 1


_FRAME = frozenset({"type", "phase", "_size", "kind"})


def _phase(name: str, one: _Open) -> Phase:
    facts = one.facts
    return Phase(
        name, one.status, one.why, float(facts.get("duration_s") or 0), facts.get("exit_status"), facts.get("signal"),
        int(facts.get("left") or 0), one.stdout, one.stderr, tuple(one.processes), tuple(one.files.values()),
        dict(one.calls), tuple(one.events), tuple(one.log), dict(one.cut),
    )  # fmt: skip


def _process(one: Mapping[str, Any]) -> Process:
    return Process(
        int(one["pid"]), one["ppid"], str(one["path"]), tuple(map(str, one["argv"])),
        {str(name): str(value) for name, value in one["env"].items()}, float(one["start"]), one["end"], one["status"],
        one["signal"], bool(one["installer"]),
    )  # fmt: skip


def _use(one: Mapping[str, Any]) -> FileUse:
    counts = {name: int(one.get(name, 0)) for name in _COUNTS}
    head = bytes.fromhex(one.get("head", ""))
    return FileUse(str(one["path"]), **counts, head=head, installer=bool(one.get("installer")))


def _together(first: FileUse, second: FileUse) -> FileUse:
    counts = {name: getattr(first, name) + getattr(second, name) for name in _COUNTS}
    return replace(first, **counts, head=first.head or second.head, installer=first.installer and second.installer)
