"""Measures what proofs cost: tokens over HTTP, verification beside rfc3161-client's, ten million proofs renewed.

usage: scripts/bench tokens
"""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import asyncpg
import rfc3161_client
from cryptography import x509

from actors.exchange import Exchange, Series
from actors.keeper import asker
from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from pumpkin.adapters.tsa import LocalTsa
from pumpkin.evidence import tsp
from pumpkin.evidence.authority import Authority
from pumpkin.renewer import Renewer
from pumpkin.store.database import Database
from scripts.measure import load
from tests.acceptance.product import Product

Row = tuple[str, str, str, str]
TOKENS = 2_000
STAMPS, BATCH = 10_000, 1_000
COLUMNS = (
    "authority",
    "start",
    "size",
    "anchor",
    "query",
    "response",
    "chain",
    "gen_time",
    "accuracy",
    "self_asserted",
)


async def issued() -> list[Row]:
    """The authority over HTTP, on the running program."""
    with tempfile.TemporaryDirectory() as folder:
        product = Product(Path(folder) / "data")
        await asyncio.to_thread(product.start)
        try:
            port = int(product.url.rpartition(":")[2])
            queries = [tsp.make_query(sha256(b"%d" % n).digest()) for n in range(1_000)]
            made = itertools.cycle(queries)
            head = b"POST /tsa HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/timestamp-query\r\n"
            # Who presents nothing is held to access.public_rate.
            head += f"Authorization: Bearer {product.key('checks:read')}\r\n".encode()

            def request() -> bytes:
                query = next(made)
                return head + b"Content-Length: %d\r\n\r\n" % len(query) + query

            await load.run("127.0.0.1", port, request, clients=8, seconds=1)
            pid = int(product.facts["pid"])
            before = load.cpu(pid)
            seen = await load.run("127.0.0.1", port, request, clients=8, seconds=5)
            spent = (load.cpu(pid) - before) / len(seen.times)
        finally:
            product.kill()
    return [
        ("tokens over HTTP", f"{seen.rate:,.0f}/s", "8 clients", "at least 1,000/s"),
        ("  app CPU a token", f"{spent * 1e6:.0f} us", "", "under 1,000 us"),
        ("  p50, p99", f"{seen.median * 1e3:.1f}, {seen.at(0.99) * 1e3:.1f} ms", "", "p99 under 20 ms"),
    ]


def verified() -> list[Row]:
    """Full verification of fresh tokens (query, nonce, policy, signature, chain), turn by turn with rfc3161-client."""
    authority = Authority.create("bench")
    queries = [tsp.make_query(sha256(b"%d" % n).digest(), policy=authority.policy) for n in range(TOKENS)]
    pairs = [(query, authority.respond(query)) for query in queries]
    leaf, root = (x509.load_der_x509_certificate(one) for one in authority.chain)

    def ours() -> None:
        for query, response in pairs:
            assert tsp.verify(response, roots=[authority.root_pem], query=query).ok

    def theirs() -> None:
        for n, (_, response) in enumerate(pairs):
            verifier = rfc3161_client.VerifierBuilder(roots=[root], tsa_certificate=leaf).build()
            parsed = rfc3161_client.decode_timestamp_response(response)
            assert verifier.verify(parsed, sha256(b"%d" % n).digest())

    mine, other = best(ours), best(theirs)
    return [
        ("verification", f"{TOKENS / mine:,.0f}/s", f"{other / mine:.1f} rfc3161-client's", "at least 3"),
        ("  rfc3161-client", f"{TOKENS / other:,.0f}/s", "", ""),
    ]


def best(work: Callable[[], None]) -> float:
    """The least CPU seconds of three rounds."""
    times = []
    for _ in range(3):
        begun = time.process_time()
        work()
        times.append(time.process_time() - begun)
    return min(times)


async def renewed() -> list[Row]:
    """Ten thousand stamps of a thousand checks each, renewed by one token; CPU of this process, the database beside."""
    authority, later = Authority.create("bench"), Authority.create("later")
    with tempfile.TemporaryDirectory() as folder:
        postgres = EmbeddedPostgres(Path(folder))
        dsn = await postgres.start()
        try:
            db = await Database.open(dsn)
            await fill(dsn, authority)
            asked = 0
            local = LocalTsa(later)

            async def ask(query: bytes) -> bytes:
                nonlocal asked
                asked += 1
                return await local.ask(query)

            door = Exchange(Series("later", "later", [later.root_pem]), ask, lambda: time.time_ns() // 1_000)
            renewer = Renewer(db)
            cpu, wall = time.process_time(), time.perf_counter()
            [done] = await renewer.renew(asker(lambda: [door]), every=True)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            assert done.stamps == STAMPS
            await db.close()
        finally:
            await postgres.stop()
    proofs = f"{STAMPS * BATCH:,} proofs renewed"
    return [
        (proofs, f"{cpu:.2f} s CPU", f"{wall:.2f} s in all, {asked} call of an authority", "under 1 s CPU, one call")
    ]


async def fill(dsn: str, authority: Authority) -> None:
    """Stamps with real tokens over made-up checkpoints: a renewal reads nothing else."""
    plain = await asyncpg.connect(dsn)
    try:
        sizes = range(BATCH, STAMPS * BATCH + 1, BATCH)
        heads = [(size, size - BATCH, bytes(32), bytes(32), f"log\n{size}\n\n", 0) for size in sizes]
        columns = ("size", "start", "root", "group_root", "note", "sealed")
        await plain.copy_records_to_table("checkpoints", records=heads, columns=columns)
        rows = []
        for size in sizes:
            anchor = sha256(b"%d" % size).digest() * 2
            query = tsp.make_query(sha256(anchor).digest())
            response, chain = authority.respond(query), list(authority.chain)
            rows.append(("bench", size - BATCH, size, anchor, query, response, chain, 0, 0, False))
        await plain.copy_records_to_table("stamps", records=rows, columns=COLUMNS)
        await plain.execute("analyze stamps")
    finally:
        await plain.close()


async def main() -> None:
    """All rows."""
    for rows in (verified(), await renewed(), await issued()):
        for name, value, ratio, goal in rows:
            print(f"{name:<28} {value:>22}  {ratio:<36} {goal}", flush=True)
