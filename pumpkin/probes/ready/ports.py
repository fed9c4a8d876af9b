"""The ports this machine listens on, and which program does."""

from __future__ import annotations

import socket
from typing import Any

import psutil


def measure(target: str) -> dict[str, Any]:
    """`target` names this machine in the check; nothing is connected to."""
    try:
        connections = psutil.net_connections(kind="inet")
    except psutil.AccessDenied as error:
        raise OSError(f"not allowed to look: {error}") from error
    found = set()
    for one in connections:
        udp = one.type == socket.SOCK_DGRAM
        if one.laddr and (one.status == psutil.CONN_LISTEN or (udp and not one.raddr)):
            found.add(("udp" if udp else "tcp", one.laddr.ip, one.laddr.port, _program(one.pid)))
    ports = [
        {"protocol": kind, "address": ip, "port": port, "program": program} for kind, ip, port, program in sorted(found)
    ]
    return {"host": socket.gethostname(), "ports": ports[:2_000], "count": len(ports)}


def _program(pid: int | None) -> str:
    try:
        return psutil.Process(pid).name() if pid else ""
    except psutil.Error:
        return ""
