"""Measures a long log: the audit's rate, and an inclusion proof over HTTP at sizes from a thousand to a million leaves.

usage: scripts/bench log [RECORDS]
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg

from actors.sealer import Edge
from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from pumpkin.evidence import checkpoint, groups, record
from pumpkin.evidence.checkpoint import LogKey, VerifierKey
from pumpkin.evidence.merkle import Frontier
from pumpkin.model.checks import Observation
from pumpkin.model.proofs import Checkpoint
from pumpkin.store import sealing
from pumpkin.store.database import Database
from scripts.measure import load
from tests.acceptance.product import PUMPKIN, Product

COLUMNS = (
    *("seq", "id", "kind", "type", "format", "agent", "observed", "received", "target", "status", "detail", "payload"),
    *("payload_salt", "payload_hash", "media", "size", "content", "record", "leaf_hash", "group_hash"),
)
BATCH = 1_000
BODY = "200 OK in 0.012 s " * 8


async def fill(product: Product, count: int) -> list[UUID]:
    """`count` checks as the aggregator stores them, sealed by the installation's key; their ids in log order."""
    key_pem = (product.data / "log-key.secret.pem").read_bytes()
    vkey = VerifierKey.parse((product.data / "log-key.vkey").read_text().strip())
    key = LogKey.load(vkey.name, key_pem)
    postgres = EmbeddedPostgres(product.data)
    dsn = await postgres.start()
    ids: list[UUID] = []
    try:
        plain = await asyncpg.connect(dsn)
        await plain.set_type_codec("jsonb", encoder=_jsonb, decoder=bytes, schema="pg_catalog", format="binary")
        db = await Database.open(dsn)
        edge = Edge(Frontier(), {})
        for start in range(0, count, BATCH):
            made = [_row(seq) for seq in range(start, min(start + BATCH, count))]
            await plain.copy_records_to_table("checks", records=made, columns=COLUMNS)
            await plain.execute("update log_head set size = $1", start + len(made))
            ids += [row[1] for row in made]
            edge, changed = edge.extended([row[-2] for row in made])
            root = edge.frontier.root()
            note = checkpoint.sign(key.origin, edge.size, root, key)
            head = Checkpoint(edge.size, start, root, groups.group_root([row[-1] for row in made]), note, 1)
            assert await sealing.add(db, head, changed)
        await plain.execute("vacuum analyze checks")
        await plain.close()
        await db.close()
    finally:
        await postgres.stop()
    return ids


def _jsonb(value: object) -> bytes:
    return b"\x01" + json.dumps(value).encode()


def _row(seq: int) -> tuple[object, ...]:
    now = time.time_ns() // 1_000
    detail = {"target": "www.example.org", "status": "ok", "result": {"parser": "http", "data": {"code": 200}}}
    seen = Observation(uuid4(), "http", "text", "probe@localhost", now, BODY.encode(), detail=detail)
    made = record.make(seen, now)
    return (
        *(seq, seen.id, "check", "http", "text", seen.agent, now, now, "www.example.org", "ok", detail, seen.payload),
        *(made.payload_salt, made.payload_hash, seen.media, len(seen.payload), made.content, made.record),
        *(made.leaf_hash, made.group_hash),
    )


async def inclusion(product: Product, ids: list[UUID], size: int) -> tuple[load.Load, float]:
    """The answers to proofs of random checks in the tree of `size`, one after another over one connection; and the
    server's CPU seconds for each."""
    key = product.key("checks:read")
    port = int(product.url.rpartition(":")[2])

    def ask() -> bytes:
        check = ids[random.randrange(size)]
        path = f"/api/v1/log/inclusion?id={check}&size={size}"
        return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\r\n".encode()

    await load.run("127.0.0.1", port, ask, clients=1, seconds=0.5)
    pid = int(product.facts["pid"])
    before = load.cpu(pid)
    seen = await load.run("127.0.0.1", port, ask, clients=1, seconds=3)
    assert set(seen.statuses) == {200}, seen.statuses
    return seen, (load.cpu(pid) - before) / len(seen.times)


def _audit(product: Product) -> str:
    """`pumpkin audit` on the resting installation, however long it takes."""
    command = [str(PUMPKIN), "audit", "--json", "--data", str(product.data)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _children() -> float:
    """CPU seconds of the processes that were started here and have ended: command, its crew and its PostgreSQL."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def main(count: int = 1_000_000) -> None:
    with tempfile.TemporaryDirectory() as folder:
        product = Product(Path(folder) / "data")
        await asyncio.to_thread(product.start)
        await asyncio.to_thread(product.stop)
        begun = time.perf_counter()
        ids = await fill(product, count)
        print(f"filled {count:,} records in {time.perf_counter() - begun:.0f} s", flush=True)
        for _ in range(2):
            before = _children()
            found = json.loads(await asyncio.to_thread(_audit, product))
            rate, spent = found["records"] / found["seconds"], (_children() - before) / found["records"]
            cpu = f"{spent * 1e6:.1f} us of CPU a record"
            print(f"{'audit, whole log':<28} {rate:>15,.0f}/s {cpu:<28} at least 50,000/s", flush=True)
        await asyncio.to_thread(product.start)
        try:
            for size in sorted({min(10**power, count) for power in range(3, 8)}):
                seen, spent = await inclusion(product, ids, size)
                words = f"{seen.median * 1e3:.2f} ms, p99 {seen.at(0.99) * 1e3:.2f} ms"
                cpu = f"{spent * 1e3:.2f} ms of CPU"
                print(f"{f'inclusion of {size:,}':<28} {words:>27} {cpu:<18} at most 2 ms and flat", flush=True)
        finally:
            product.kill()


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
