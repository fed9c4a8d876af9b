"""A load that costs little itself: keep-alive connections writing ready-made requests, timing each answer."""

from __future__ import annotations

import asyncio
import os
import re
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass
class Load:
    """What a load saw: answers by status, and seconds each took."""

    seconds: float = 0.0
    statuses: dict[int, int] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return sum(count for status, count in self.statuses.items() if status < 300) / self.seconds

    def at(self, share: float) -> float:
        """The quantile of the answer times in seconds, e.g. 0.5 or 0.99."""
        ordered = sorted(self.times)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    @property
    def median(self) -> float:
        return statistics.median(self.times)


async def run(
    host: str, port: int, request: Callable[[], bytes], *, clients: int, seconds: float, pause: float = 0.0
) -> Load:
    """`clients` connections, each sending `request()` again as soon as (or `pause` seconds after) it is answered."""
    load = Load()
    end = time.perf_counter() + seconds
    started = time.perf_counter()
    await asyncio.gather(*(_client(host, port, request, end, load, pause) for _ in range(clients)))
    load.seconds = time.perf_counter() - started
    return load


async def _client(host: str, port: int, request: Callable[[], bytes], end: float, load: Load, pause: float) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        while time.perf_counter() < end:
            sent = time.perf_counter()
            writer.write(request())
            head = await reader.readuntil(b"\r\n\r\n")
            length = LENGTH.search(head)
            if length:
                await reader.readexactly(int(length[1]))
            load.times.append(time.perf_counter() - sent)
            status = int(head[9:12])
            load.statuses[status] = load.statuses.get(status, 0) + 1
            if pause:
                await asyncio.sleep(pause)
    finally:
        writer.close()


def post(path: str, bodies: Iterator[bytes], headers: dict[str, str]) -> Callable[[], bytes]:
    """Ready-made POST requests, a body each."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{lines}".encode()

    def one() -> bytes:
        body = next(bodies)
        return head + b"Content-Length: %d\r\n\r\n" % len(body) + body

    return one


def cpu(pid: int) -> float:
    """CPU seconds a process has used (user and system), its threads included."""
    with Path(f"/proc/{pid}/stat").open("rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> float:
    """Resident memory of a process in MB."""
    with Path(f"/proc/{pid}/statm").open("rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
