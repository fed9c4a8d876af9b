"""A day in minutes: all that a hundred probes, people and integrators do in 24 hours, hour by hour without the waiting.

Of the server's own process memory and descriptors are taken after each hour; they must lie flat after the first six.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import aiohttp

from scripts.measure import load
from tests.acceptance.product import Product

PROBES, MINUTES = 100, 60
WARM_HOURS = 6
GROWTH = 1.15
PAGES = ("/", "/checks", "/agents", "/proofs", "/packages", "/ready", "/health", "/log/checkpoint", "/items/?limit=50")


async def run(hours: int = 24) -> bool:
    """Whether memory and descriptors lay flat and the log audits."""
    with tempfile.TemporaryDirectory(prefix="pumpkin-soak-") as folder:
        off = {"PUMPKIN_SANDBOX__ENABLED": "false"}
        product = Product(Path(folder) / "data", demo=True, environment=off)
        await asyncio.to_thread(product.start)
        try:
            return await _day(product, hours)
        finally:
            product.kill()


async def _day(product: Product, hours: int) -> bool:
    key = product.key("checks:write", "checks:read", "agents:read", "metrics")
    pid, port = int(product.facts["pid"]), int(product.url.rpartition(":")[2])
    seen: list[tuple[float, int]] = []
    begun = time.monotonic()
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(product.url, headers=headers) as web:
        for hour in range(1, hours + 1):
            await _hour(web, port, key)
            await asyncio.sleep(1)
            seen.append((load.resident(pid), len(list(Path(f"/proc/{pid}/fd").iterdir()))))
            print(f"hour {hour:>2}: {seen[-1][0]:.0f} MB, {seen[-1][1]} descriptors", flush=True)
    said = json.loads(product.command("audit", "--json", status=None))
    first, last = max(seen[WARM_HOURS - 1 : WARM_HOURS + 2]), max(seen[-3:])
    flat = last[0] <= first[0] * GROWTH and last[1] <= first[1] + 10
    print(
        f"{hours} hours of {PROBES} probes in {time.monotonic() - begun:.0f} s: {said['records']:,} records, audit "
        f"{'well' if said['ok'] else said['faults'][:3]}; memory {first[0]:.0f} -> {last[0]:.0f} MB, descriptors "
        f"{first[1]} -> {last[1]}: {'flat' if flat else 'NOT FLAT'}"
    )
    return flat and bool(said["ok"])


async def _hour(web: aiohttp.ClientSession, port: int, key: str) -> None:
    """A check a minute of each probe, pages and lists read, events followed, connections opened and closed."""
    lines = _batches()
    async with web.ws_connect("/api/v1/events?topics=check.stored") as events:
        for minute in range(MINUTES):
            content = {"Content-Type": "application/x-ndjson"}
            async with web.post("/api/v1/checks", data=next(lines), headers=content) as answer:
                assert answer.status == 200, await answer.text()
            if minute % 6 == 0:
                await asyncio.gather(*(_read(web, page) for page in PAGES))
            await events.receive_json(timeout=10)
    for _ in range(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        await reader.read()
        writer.close()
    async with web.get("/api/v1/checks?limit=100") as answer:
        newest = (await answer.json())["data"]["items"][0]["id"]
    for path in (f"/api/v1/checks/{newest}", "/metrics"):
        await _read(web, path)


async def _read(web: aiohttp.ClientSession, path: str) -> None:
    async with web.get(path, allow_redirects=False) as answer:
        await answer.read()
        assert answer.status < 500, (path, answer.status)


def _batches() -> Iterator[bytes]:
    line = {"type": "http", "format": "text", "payload": {"text": "200 OK in 0.012 s"}, "status": "ok"}
    for _ in itertools.count():
        yield b"\n".join(json.dumps({**line, "id": str(uuid.uuid4())}).encode() for _ in range(PROBES))


if __name__ == "__main__":
    raise SystemExit(0 if asyncio.run(run(int((sys.argv[1:] or ["24"])[0]))) else 1)
