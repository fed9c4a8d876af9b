"""The baselines: what the bare parts do on this machine, in this minute."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
import time
import uuid
from typing import Any

import asyncpg

from scripts.measure import load

ITEM = {
    "version": "1",
    "format": "bench",
    "meta": {"uuid": "", "ts": 1700000000, "type": "http"},
    "payload": {"raw": base64.b64encode(b"200 OK in 0.012 s " * 8).decode()},
}

BARE = """
import asyncio, json, sys
from aiohttp import web
async def item(request):
    json.loads(await request.read())
    return web.json_response({"ok": True})
async def main():
    app = web.Application()
    app.router.add_post("/items/", item)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(site._server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


def bodies(key: str = "uuid") -> Any:
    """Items as SCANDALE's clients post them, each with a uuid of its own."""
    while True:
        item = {**ITEM, "meta": {**ITEM["meta"], key: str(uuid.uuid4())}}  # type: ignore[dict-item]
        yield json.dumps(item).encode()


async def database(dsn: str, seconds: float = 3.0) -> dict[str, float]:
    """R1 and t1 (one connection, one insert and commit each), R100 (bare unnest batches of 100)."""
    db = await asyncpg.connect(dsn)
    try:
        await db.execute("create table if not exists bench_bare (id uuid primary key, body jsonb not null, raw bytea)")
        statement = await db.prepare("insert into bench_bare values ($1, $2, $3)")
        body, raw = json.dumps(ITEM), os.urandom(200)
        times = []
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            start = time.perf_counter()
            await statement.fetch(uuid.uuid4(), body, raw)
            times.append(time.perf_counter() - start)
        many = await db.prepare(
            "insert into bench_bare select * from unnest($1::uuid[], $2::jsonb[], $3::bytea[]) on conflict do nothing"
        )
        rows, begun = 0, time.perf_counter()
        while time.perf_counter() < begun + seconds:
            await many.fetch([uuid.uuid4() for _ in range(100)], [body] * 100, [raw] * 100)
            rows += 100
        taken = time.perf_counter() - begun
        await db.execute("drop table bench_bare")
    finally:
        await db.close()
    times.sort()
    return {"R1": len(times) / sum(times), "t1": times[len(times) // 2], "R100": rows / taken}


async def http(seconds: float = 3.0) -> float:
    """H: CPU seconds of a bare aiohttp POST that reads its JSON."""
    server = subprocess.Popen([sys.executable, "-c", BARE], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        before = load.cpu(server.pid)
        seen = await load.run("127.0.0.1", port, load.post("/items/", bodies(), {}), clients=64, seconds=seconds)
        return (load.cpu(server.pid) - before) / len(seen.times)
    finally:
        server.kill()
        await asyncio.to_thread(server.wait)
