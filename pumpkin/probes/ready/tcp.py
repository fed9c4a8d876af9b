"""Whether a TCP port answers, how fast, and what it says first."""

from __future__ import annotations

import socket
import time
from typing import Any

from pumpkin.model.targets import host_and_port

TIMEOUT_S = 10.0
GREETING_S = 0.5


def measure(target: str) -> dict[str, Any]:
    """`target` is HOST:PORT."""
    host, port = host_and_port(target)
    began = time.perf_counter()
    with socket.create_connection((host, port), timeout=TIMEOUT_S) as line:
        connect_s = time.perf_counter() - began
        line.settimeout(GREETING_S)
        try:
            greeting = line.recv(256).decode("utf-8", "replace")
        except (TimeoutError, ConnectionError):
            greeting = ""
        address = line.getpeername()[0]
    return {"host": host, "port": port, "address": address, "connect_s": round(connect_s, 6), "greeting": greeting}
