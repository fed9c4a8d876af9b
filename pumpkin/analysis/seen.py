"""What the events of a phase come to, an entry a thing: connections, names, written data, and what was called."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from pumpkin.model.reports import Phase, Report

Json = dict[str, Any]
_SPOKEN = {"http": "http", "tls": "tls", "sent": "other"}
_RANK = {"": 0, "other": 1, "tls": 2, "dns": 3, "ssh": 3, "http": 4, "smtp": 3, "ftp": 3}
_LOG = ("module", "symbol", "kind", "result", "exception", "duration_ms")
_SINKS = ("sinkhole", "names")  # an environment whose names and addresses were Pumpkin's own


def of_phase(report: Report | None, name: str) -> Json:
    """`connections`, `dns_answers` and `file_writes` of one phase (empty where it did not take place)."""
    phase = report.phase(name) if report else Phase(name)
    sinkhole = report is not None and report.environment.network.startswith(_SINKS)
    return {
        "connections": _connections(phase, sinkhole),
        "dns_answers": _answers(phase, sinkhole),
        "file_writes": _writes(report, phase),
    }


def execution_log(report: Report | None) -> list[Json]:
    """What was imported and called, in order, as the exercise wrote it down: the package's word."""
    if report is None:
        return []
    return [
        {"phase": phase.name, **{key: one.get(key) for key in _LOG}} for phase in report.phases for one in phase.log
    ]


def _connections(phase: Phase, sinkhole: bool) -> list[Json]:
    """Each transport, address and port once, as the package meant them, with what was spoken there."""
    found: dict[tuple[str, str, int], Json] = {}
    for event in phase.of("connect", "send", "udp", "tls", "http", "sent"):
        address = event.get("address")
        if event.get("family") == "unix" or not address:
            continue
        udp = event["kind"] == "udp"
        transport = str(event.get("transport") or ("udp" if udp else "tcp"))
        key = (transport, str(address), int(event.get("port") or 0))
        known = found.setdefault(
            key,
            {"transport": transport, "protocol": "", "address": key[1], "port": key[2], "name": None,
             "tls": False, "sinkhole": sinkhole, "error": event.get("error")},
        )  # fmt: skip
        spoken = _spoken(event, key[2])
        if _RANK.get(spoken, 1) > _RANK.get(known["protocol"], 1):
            known["protocol"] = spoken
        known["tls"] = known["tls"] or bool(event.get("tls") or event["kind"] == "tls")
        known["name"] = known["name"] or event.get("sni") or event.get("name")
        if not event.get("error"):
            known["error"] = None
    for one in found.values():
        one["protocol"] = one["protocol"] or "other"
    return [found[key] for key in sorted(found)]


def _spoken(event: Mapping[str, Any], port: int) -> str:
    if event["kind"] == "sent":
        return str(event.get("protocol") or "other")
    if port == 53:
        return "dns"
    return _SPOKEN.get(str(event["kind"]), "")


def _answers(phase: Phase, sinkhole: bool) -> list[Json]:
    """Each question for a name once, with the answer given."""
    found: dict[tuple[str, str, str], Json] = {}
    for event in phase.of("dns"):
        key = (str(event.get("name", "")), str(event.get("qtype", "")), str(event.get("server", "")))
        known = found.setdefault(
            key,
            {"name": key[0], "type": key[1], "server": key[2], "answer": event.get("answer"), "sinkhole": sinkhole,
             "asked": 0},
        )  # fmt: skip
        known["asked"] += 1
    return list(found.values())


def _writes(report: Report | None, phase: Phase) -> list[Json]:
    """What was written where; a buffer is the file's content when the phase ended, or the whole of what was written
    where that is known though the file is gone."""
    left = {one.path: one for one in report.dropped if one.phase == phase.name} if report else {}
    kept = {one.id for one in report.attachments} if report else set()
    found = []
    for use in phase.files:
        if not use.writes or use.installer:
            continue
        dropped = left.get(use.path)
        buffers = []
        if dropped and dropped.sha256:
            buffers = [{"id": dropped.sha256, "size": dropped.size, "kept": dropped.sha256 in kept}]
        elif use.size == len(use.head):
            digest = hashlib.sha256(use.head).hexdigest()
            buffers = [{"id": digest, "size": use.size, "kept": digest in kept}]
        found.append({"path": use.path, "bytes": use.size, "writes": use.writes, "buffers": buffers})
    return found
