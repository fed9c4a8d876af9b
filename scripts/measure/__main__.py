"""Prints the table of rows; each is the whole program on a fresh data folder, measured from outside."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import aiohttp

from scripts.measure import backup, calibrate, crowd, load, log, proofs
from tests.acceptance.product import Product

Row = tuple[str, str, str, str]


class Bench:
    """The program under measure, and the baselines of this run."""

    def __init__(self, product: Product, base: dict[str, float]) -> None:
        self.product, self.base = product, base
        self.key = product.key("checks:write", "checks:read", "agents:read", "metrics")
        self.port = int(product.url.rpartition(":")[2])
        self.pid = int(product.facts["pid"])
        self.headers = {"Authorization": f"Bearer {self.key}"}

    async def post_many(self) -> list[Row]:
        """Durable posts at 64 clients."""
        request = load.post("/items/", calibrate.bodies(), self.headers)
        await load.run("127.0.0.1", self.port, request, clients=64, seconds=1)
        before = load.cpu(self.pid)
        seen = await load.run("127.0.0.1", self.port, request, clients=64, seconds=6)
        spent = (load.cpu(self.pid) - before) / len(seen.times)
        return [
            ("POST at 64 clients", f"{seen.rate:,.0f}/s", f"{seen.rate / self.base['R1']:.1f} R1", "at least 4 R1"),
            ("  app CPU a POST", f"{spent * 1e6:.0f} us", f"{spent / self.base['H']:.2f} H", "at most 1.6 H"),
            ("  p50, p99", f"{seen.median * 1e3:.1f}, {seen.at(0.99) * 1e3:.1f} ms", "", ""),
        ]

    async def post_idle(self) -> list[Row]:
        """One client with pauses."""
        request = load.post("/items/", calibrate.bodies(), self.headers)
        seen = await load.run("127.0.0.1", self.port, request, clients=1, seconds=4, pause=0.02)
        ratio = seen.median / self.base["t1"]
        return [("POST p50 idle", f"{seen.median * 1e3:.2f} ms", f"{ratio:.1f} t1", "at most 2 t1")]

    async def batch(self) -> list[Row]:
        """NDJSON, 100 checks a request."""

        def hundred() -> Any:
            while True:
                line = {"type": "http", "format": "text", "payload": {"text": "200 OK in 0.012 s " * 8}}
                yield b"\n".join(json.dumps({**line, "id": str(uuid.uuid4())}).encode() for _ in range(100))

        made = itertools.chain(list(itertools.islice(hundred(), 2_000)), hundred())
        headers = {**self.headers, "Content-Type": "application/x-ndjson"}
        request = load.post("/api/v1/checks", made, headers)
        seen = await load.run("127.0.0.1", self.port, _typed(request), clients=4, seconds=4)
        rate = 100 * seen.rate
        return [
            (
                "NDJSON batches of 100",
                f"{rate:,.0f} items/s",
                f"{rate / self.base['R100']:.2f} R100",
                "at least 0.8 R100",
            )
        ]

    async def proofs(self) -> list[Row]:
        """Checks stored and stamped a second under load, and how long the last waits."""
        made = [self._lines(100) for _ in range(200)]
        begun = time.perf_counter()
        async with aiohttp.ClientSession(self.product.url, headers=self.headers) as web:
            last = ""
            for some in _fours(made):
                answers = await asyncio.gather(*(self._post(web, lines) for lines in some))
                last = answers[-1]
            stored = time.perf_counter()
            await self._stamped(web, last)
        done = time.perf_counter()
        rate = 20_000 / (done - begun)
        return [
            ("proofs, window up to 1 s", f"{rate:,.0f}/s", f"{rate / self.base['R100']:.2f} R100", "at least 0.6 R100"),
            ("  last stored to stamped", f"{(done - stored) * 1e3:.0f} ms", "", "window + T + 0.3 s"),
        ]

    async def proof_idle(self) -> list[Row]:
        """One check on an idle server: post answered to stamp announced."""
        waits = []
        async with aiohttp.ClientSession(self.product.url, headers=self.headers) as web:
            async with web.ws_connect("/api/v1/events?topics=proof.stamped") as events:
                for _ in range(40):
                    await asyncio.sleep(0.05)
                    begun = time.perf_counter()
                    await self._post(web, self._lines(1))
                    await events.receive_json()
                    waits.append(time.perf_counter() - begun)
            trip = await self._round_trip(web)
        waits.sort()
        goal = trip + 3 * self.base["t1"] + 0.002
        return [
            (
                "POST to proof, idle, p50",
                f"{waits[20] * 1e3:.1f} ms",
                f"{waits[20] / goal:.2f} of T + 3 t1 + 2 ms ({goal * 1e3:.1f} ms)",
                "at most 1",
            )
        ]

    async def memory(self) -> list[Row]:
        """Resident memory of the app's own process."""
        return [("app memory now", f"{load.resident(self.pid):.0f} MB", "", "at most 100 MB idle")]

    @staticmethod
    def _lines(count: int) -> bytes:
        line = {"type": "http", "format": "text", "payload": {"text": "200 OK in 0.012 s"}}
        return b"\n".join(json.dumps({**line, "id": str(uuid.uuid4())}).encode() for _ in range(count))

    async def _post(self, web: aiohttp.ClientSession, lines: bytes) -> str:
        headers = {"Content-Type": "application/x-ndjson"}
        async with web.post("/api/v1/checks", data=lines, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
        last: str = json.loads(lines.rsplit(b"\n", 1)[-1])["id"]
        return last

    async def _stamped(self, web: aiohttp.ClientSession, check: str) -> None:
        for _ in range(2_000):
            async with web.get(f"/api/v1/checks/{check}") as answer:
                if (await answer.json())["data"]["state"] == "stamped":
                    return
            await asyncio.sleep(0.005)
        raise AssertionError("never stamped")

    async def _round_trip(self, web: aiohttp.ClientSession) -> float:
        from pumpkin.evidence import tsp

        times = []
        for number in range(50):
            query = tsp.make_query(number.to_bytes(32))
            begun = time.perf_counter()
            headers = {"Content-Type": "application/timestamp-query"}
            async with web.post("/tsa", data=query, headers=headers) as answer:
                await answer.read()
            times.append(time.perf_counter() - begun)
        return sorted(times)[25]


def _fours(made: list[bytes]) -> Any:
    return (made[at : at + 4] for at in range(0, len(made), 4))


def _typed(request: Callable[[], bytes]) -> Callable[[], bytes]:
    return lambda: request().replace(b"Content-Type: application/json\r\n", b"", 1)


async def main(wanted: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        starts = []
        product = Product(Path(folder) / "data")
        for _ in range(3):
            begun = time.perf_counter()
            await asyncio.to_thread(product.start)
            starts.append(time.perf_counter() - begun)
            idle = load.resident(int(product.facts["pid"]))
            await asyncio.to_thread(product.stop)
        await asyncio.to_thread(product.start)
        try:
            from pumpkin.adapters.embedded.postgres import EmbeddedPostgres

            dsn = EmbeddedPostgres(product.data).running_dsn()
            assert dsn is not None
            base = await calibrate.database(dsn)
            base["H"] = await calibrate.http()
            show(
                [
                    ("baseline R1", f"{base['R1']:,.0f}/s", "", "insert and commit, one connection"),
                    ("baseline t1", f"{base['t1'] * 1e3:.2f} ms", "", "its p50"),
                    ("baseline R100", f"{base['R100']:,.0f}/s", "", "bare unnest batches of 100"),
                    ("baseline H", f"{base['H'] * 1e6:.0f} us", "", "CPU of a bare aiohttp POST"),
                    ("first start to ready", f"{starts[0]:.2f} s", "", "an empty folder"),
                    ("later starts to ready", f"{min(starts[1:]):.2f} s", "", "at most 1.5 s"),
                    ("app memory idle", f"{idle:.0f} MB", "", "at most 100 MB"),
                ]
            )
            bench = Bench(product, base)
            rows: dict[str, Callable[[], Coroutine[Any, Any, list[Row]]]] = {
                "idle": bench.post_idle,
                "proof": bench.proof_idle,
                "post": bench.post_many,
                "batch": bench.batch,
                "proofs": bench.proofs,
                "memory": bench.memory,
            }
            for name, row in rows.items():
                if not wanted or name in wanted:
                    show(await row())
        finally:
            product.kill()


def show(rows: list[Row]) -> None:
    for name, value, ratio, goal in rows:
        print(f"{name:<28} {value:>22}  {ratio:<36} {goal}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["log"]:
        asyncio.run(log.main(*map(int, sys.argv[2:])))
    elif sys.argv[1:2] == ["backup"]:
        asyncio.run(backup.main(*map(int, sys.argv[2:])))
    elif sys.argv[1:2] == ["load"]:
        raise SystemExit(asyncio.run(crowd.main()))
    elif sys.argv[1:2] == ["tokens"]:
        asyncio.run(proofs.main())
    else:
        asyncio.run(main(sys.argv[1:]))
