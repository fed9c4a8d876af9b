"""The package service from outside: cache hits, reads, hand-over, places at a million, a hundred thousand drained.

usage: python -m scripts.measure.packages [ROW...]
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from actors.queue import Queue
from actors.supervision import System
from actors.worker import Worker
from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from pumpkin.bus import Bus
from pumpkin.model.tasks import Ending, Submission
from pumpkin.store.database import Database
from scripts.measure import calibrate, load
from tests.acceptance.index import Index
from tests.acceptance.product import Product

Row = tuple[str, str, str, str]
MILLION = 1_000_000
DRAINED = 100_000


class Bench:
    """A program whose packages come from an index of this machine, static tools only."""

    def __init__(self, product: Product, dsn: str, base: dict[str, float]) -> None:
        self.product, self.dsn, self.base = product, dsn, base
        made = product.command("key", "add", "--name", "bench", "--rate", "1000000", "--json")
        self.headers = {"Authorization": f"Bearer {json.loads(made)['key']}"}
        self.port = int(product.url.rpartition(":")[2])
        self.pid = int(product.facts["pid"])

    async def _completed(self) -> int:
        async with aiohttp.ClientSession(self.product.url, headers=self.headers) as web:
            async with web.post("/api/v1/analyze/", json={"purl": "pkg:pypi/known-bench@1.0"}) as answer:
                task: int = (await answer.json())["data"]["task_id"]
            while True:
                async with web.get(f"/api/v1/task/{task}/") as answer:
                    if (await answer.json())["data"]["status"] == "completed":
                        return task
                await asyncio.sleep(0.05)

    async def cached(self) -> list[Row]:
        """POST of a package whose result is there: limit counted, decided, answered."""
        await self._completed()
        body = json.dumps({"purl": "pkg:pypi/known-bench@1.0"}).encode()
        request = load.post("/api/v1/analyze/", iter(lambda: body, None), self.headers)
        await load.run("127.0.0.1", self.port, request, clients=64, seconds=1)
        before = load.cpu(self.pid)
        seen = await load.run("127.0.0.1", self.port, request, clients=64, seconds=5)
        spent = (load.cpu(self.pid) - before) / len(seen.times)
        assert set(seen.statuses) == {200}, seen.statuses
        return [
            ("analyze, cache hit", f"{seen.rate:,.0f}/s", f"{seen.rate / self.base['R1']:.1f} R1", "at least 3,000/s"),
            ("  app CPU each", f"{spent * 1e6:.0f} us", f"{spent / self.base['H']:.2f} H", "at most 4 H"),
        ]

    async def reads(self) -> list[Row]:
        """GET of a completed task, by anyone."""
        task = await self._completed()
        request = f"GET /api/v1/task/{task}/ HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        await load.run("127.0.0.1", self.port, lambda: request, clients=32, seconds=1)
        before = load.cpu(self.pid)
        seen = await load.run("127.0.0.1", self.port, lambda: request, clients=32, seconds=5)
        spent = (load.cpu(self.pid) - before) / len(seen.times)
        assert set(seen.statuses) == {200}, seen.statuses
        return [
            (
                "GET task",
                f"{seen.rate:,.0f}/s",
                f"{spent / self.base['H']:.2f} H ({spent * 1e6:.0f} us)",
                "at least 5,000/s",
            )
        ]

    async def started(self) -> list[Row]:
        """A new package on an idle server: from its POST to the answer, when the database says `running`, and to the
        event that tells it; each beside a bare insert and commit after the same rest (t1)."""
        bare = await asyncpg.connect(self.dsn)
        await bare.execute("create table bench_idle (id uuid primary key, body text not null)")
        insert = await bare.prepare("insert into bench_idle values ($1, $2)")
        answers, events, commits = [], [], []
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with (
                aiohttp.ClientSession(self.product.url, headers=self.headers) as web,
                web.ws_connect("/api/v1/events?topics=task.moved") as told,
            ):
                for number in range(60):
                    await asyncio.sleep(0.05)
                    begun = time.perf_counter()
                    await insert.fetch(uuid.uuid4(), "x" * 300)
                    commits.append(time.perf_counter() - begun)
                    await asyncio.sleep(0.05)
                    body = json.dumps({"purl": f"pkg:pypi/known-start{number}-{uuid.uuid4().hex[:8]}@1.0"}).encode()
                    request = load.post("/api/v1/analyze/", iter([body]), self.headers)()
                    running = asyncio.create_task(_running(told))
                    begun = time.perf_counter()
                    writer.write(request)
                    answer = await reader.readuntil(b"\r\n\r\n")
                    answers.append(time.perf_counter() - begun)
                    assert answer.startswith(b"HTTP/1.1 202"), answer
                    length = load.LENGTH.search(answer)
                    assert length is not None
                    await reader.readexactly(int(length[1]))
                    events.append(await running - begun)
                    while (await told.receive_json())["data"]["status"] not in ("completed", "failed"):
                        continue
        finally:
            writer.close()
            await bare.execute("drop table bench_idle")
            await bare.close()
        t1 = sorted(commits)[30]

        def row(name: str, times: list[float], goal: str) -> Row:
            middle = sorted(times)[30]
            return name, f"{middle * 1e3:.2f} ms", f"{middle / t1:.1f} t1 (of {t1 * 1e3:.2f} ms, as idle)", goal

        return [
            row("POST new to its answer, idle", answers, f"at most 2 t1 ({2e3 * t1:.1f} ms): it runs by then"),
            row("  to the event that it runs", events, ""),
        ]

    async def places(self) -> list[Row]:
        """The place of tasks all over a queue of a million, over HTTP; then compared with a count."""
        connection = await asyncpg.connect(self.dsn)
        try:
            async with connection.transaction():
                await connection.execute("select lock_queue()")
                first = await _seeded(connection)
            await connection.execute("analyze tasks")
            times, asked = [], [first + (number * 7919) % MILLION for number in range(300)]
            async with aiohttp.ClientSession(self.product.url) as web:
                for task in asked:
                    begun = time.perf_counter()
                    async with web.get(f"/api/v1/task/{task}/") as answer:
                        assert (await answer.json())["data"]["queue_position"]
                    times.append(time.perf_counter() - begun)
                    if task in asked[:3]:  # at one moment, as the worker goes on
                        place, counted = await connection.fetchrow(
                            "select queue_position(t.id, t.priority), (select count(*) from tasks"
                            " where state = 'queued' and (priority > t.priority"
                            " or (priority = t.priority and id <= t.id)))"
                            " from tasks t where t.id = $1",
                            task,
                            timeout=120,
                        )
                        assert place == counted, (place, counted)
            times.sort()
            shown = f"p50 {times[150] * 1e3:.2f} ms, p99 {times[297] * 1e3:.2f} ms"
            return [("place among a million, HTTP", shown, "exact", "at most 1.5 ms")]
        finally:
            await connection.close()


async def _running(told: Any) -> float:
    """When the next event says that a task runs."""
    while (await told.receive_json())["data"]["status"] != "running":
        continue
    return time.perf_counter()


async def _seeded(connection: Any) -> int:
    """A million waiting tasks, counted once at the end instead of row by row; the first one's id."""
    columns = "owner, asked, purl, ecosystem, name, version, tools, state, priority, created, queued, timeout_s"
    values = "'bench', 'x', 'pkg:pypi/w' || n || '@1', 'pypi', 'w' || n, '1', 'static', 'queued', n % 10, 1, 1, 1800"
    await connection.execute("alter table tasks disable trigger user")
    first: int = await connection.fetchval(
        f"with made as (insert into tasks ({columns}) select {values} from generate_series(1, $1::int) n returning id)"
        " select min(id) from made",
        MILLION,
        timeout=900,
    )
    await connection.execute("alter table tasks enable trigger user")
    for level, shift in ((1, 8), (2, 16)):
        await connection.execute(
            f"insert into queue_counts select {level}, priority, id >> {shift}, count(*) from tasks"
            " where state = 'queued' group by 2, 3"
            " on conflict (level, priority, bucket) do update set waiting = excluded.waiting",
            timeout=300,
        )
    return first


async def drained(dsn: str, base: dict[str, float]) -> list[Row]:
    """A hundred thousand tasks in and out through queue and worker, whose work is nothing."""
    db = await Database.open(dsn)
    system, bus = System(Bus()), Bus()
    try:
        queue = await system.start("queue", lambda: Queue.start(db, bus, "bench"))

        async def nothing(task: Any, _tell: Any) -> Any:
            return None, Ending("clean", {"score": 0})

        def wish(number: int) -> Submission:
            return Submission(
                owner="bench", asked="x", purl=f"pkg:pypi/d{number}@1", ecosystem="pypi", name=f"d{number}",
                version="1", tools="static", priority=number % 10,
            )  # fmt: skip

        begun = time.perf_counter()
        for first in range(0, DRAINED, 1_000):
            await asyncio.gather(*(queue.actor.submit(wish(number)) for number in range(first, first + 1_000)))
        put = time.perf_counter() - begun
        worker = await system.start("worker", lambda: Worker.start(db, bus, "bench", nothing, slots=lambda: 16))
        marks, begun = [], time.perf_counter()
        while worker.actor.done < DRAINED:
            if worker.actor.done >= (len(marks) + 1) * DRAINED // 10:
                marks.append(time.perf_counter() - begun)
            await asyncio.sleep(0.02)
        taken = time.perf_counter() - begun
        spans = [late - early for early, late in zip([0.0, *marks], [*marks, taken], strict=True)]
        return [
            ("100,000 tasks enqueued", f"{DRAINED / put:,.0f}/s", f"{DRAINED / put / base['R1']:.1f} R1", ""),
            ("  drained", f"{DRAINED / taken:,.0f}/s", f"{taken / DRAINED * 1e3:.2f} ms a task", ""),
            ("  last tenth to first tenth", f"{spans[-1] / spans[0]:.2f}", "", "flat"),
        ]
    finally:
        await system.stop()
        await db.close()


async def main(wanted: list[str]) -> None:
    index = Index()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        environment = {"PIP_INDEX_URL": index.url, "PUMPKIN_SANDBOX__ENABLED": "false", "PUMPKIN_REGISTRIES__OSV": ""}
        product = Product(Path(folder) / "data", environment={**environment, "PUMPKIN_ACCESS__PUBLIC_RATE": "1000000"})
        await asyncio.to_thread(product.start)
        try:
            dsn = EmbeddedPostgres(product.data).running_dsn()
            assert dsn is not None
            base = await calibrate.database(dsn)
            base["H"] = await calibrate.http()
            print(f"R1 {base['R1']:,.0f}/s, t1 {base['t1'] * 1e3:.2f} ms, H {base['H'] * 1e6:.0f} us", flush=True)
            bench = Bench(product, dsn, base)
            rows: dict[str, Callable[[], Coroutine[Any, Any, list[Row]]]] = {
                "cached": bench.cached,
                "reads": bench.reads,
                "started": bench.started,
                "places": bench.places,
            }
            for name, row in rows.items():
                if not wanted or name in wanted:
                    _show(await row())
            if not wanted or "drained" in wanted:
                admin = await asyncpg.connect(dsn)
                await admin.execute("create database drained")
                await admin.close()
                _show(await drained(EmbeddedPostgres(product.data).dsn("drained"), base))
        finally:
            product.kill()
            index.close()


def _show(rows: list[Row]) -> None:
    for name, value, ratio, goal in rows:
        print(f"{name:<32} {value:>26}  {ratio:<36} {goal}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
