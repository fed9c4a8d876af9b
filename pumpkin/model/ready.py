"""Ready probes: what `"use": NAME` in a job stands for: a real tool, or a program of ours on a kept library."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any


def _ours(name: str) -> list[str]:
    # -P: a folder called pumpkin where the probe was started must not be taken for ours.
    return [sys.executable, "-P", "-m", "pumpkin.probes.ready", name, "{target}"]


READY: Mapping[str, Mapping[str, Any]] = {
    "nmap": {
        "type": "nmap",
        "format": "nmap-xml",
        "command": ["nmap", "-n", "-oX", "-", "{target}"],
        "result_parser": "nmap",
        "timeout": 900,
    },
    "tls": {
        "type": "tls-certificate",
        "format": "json",
        "command": _ours("tls"),
        "result_parser": "tls",
        "thresholds": [{"field": "days_left", "direction": "below", "warning": 21, "critical": 7}],
        "timeout": 30,
    },
    "http": {
        "type": "http",
        "format": "json",
        "command": _ours("http"),
        "result_parser": "http",
        "thresholds": [
            {"field": "status", "warning": 399, "critical": 499},
            {"field": "latency_s", "warning": 2, "critical": 10},
        ],
        "timeout": 30,
    },
    "dns": {
        "type": "dns",
        "format": "json",
        "command": _ours("dns"),
        "result_parser": "dns",
        "timeout": 20,
    },
    "tcp": {
        "type": "tcp-reachability",
        "format": "json",
        "command": _ours("tcp"),
        "result_parser": "tcp",
        "thresholds": [{"field": "connect_s", "warning": 1, "critical": 5}],
        "timeout": 20,
    },
    "ping": {
        "type": "icmp-reachability",
        "format": "text",
        "command": ["ping", "-n", "-c", "3", "-w", "10", "{target}"],
        "result_parser": "ping",
        "thresholds": [{"field": "loss_percent", "warning": 20, "critical": 66}],
        "timeout": 20,
    },
    "files": {
        "type": "file-integrity",
        "format": "json",
        "command": _ours("files"),
        "result_parser": "files",
        "timeout": 600,
    },
    "packages": {
        "type": "package-inventory",
        "format": "tsv",
        "target": "dpkg",
        "command": ["dpkg-query", "-W", "-f", "${Package}\t${Version}\t${Architecture}\t${db:Status-Abbrev}\n"],
        "result_parser": "packages",
        "timeout": 60,
    },
    "pip": {
        "type": "package-inventory",
        "format": "json",
        "target": "pip",
        "command": ["pip", "list", "--format", "json", "--disable-pip-version-check"],
        "result_parser": "packages",
        "timeout": 60,
    },
    "ports": {
        "type": "open-ports",
        "format": "json",
        "target": "localhost",
        "command": _ours("ports"),
        "result_parser": "ports",
        "timeout": 30,
    },
    "system": {
        "type": "system",
        "format": "json",
        "target": "/",
        "command": _ours("system"),
        "result_parser": "system",
        "thresholds": [
            {"field": "disk_percent", "warning": 85, "critical": 95},
            {"field": "memory_percent", "warning": 90, "critical": 98},
            {"field": "load_per_core", "warning": 2, "critical": 8},
        ],
        "timeout": 30,
    },
    "command": {"type": "command", "format": "text"},
}


def expanded(job: Mapping[str, Any]) -> dict[str, Any]:
    """A job's keys over those of the ready probe it uses; ValueError for one there is not."""
    plain = dict(job)
    name = plain.pop("use", None)
    if name is None:
        return plain
    if name not in READY:
        raise ValueError(f"there is no ready probe {str(name)[:60]!r}; there are {', '.join(READY)}")
    return {**READY[name], **plain}
