"""`scripts/bench capacity`: what a check, a connected agent and an analysis cost, and what a large fleet would need.

The costs are measured on the running program; the fleet is simulated second by second with them: an ordinary hour, an
outage of an hour after which all deliver what they kept, analyses that arrive at random and take as long as real ones
spread. Costs may be given instead: seconds of app and of PostgreSQL a check, bytes a check, seconds of PostgreSQL an
analysis, kB an agent.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import json
import math
import random
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from pumpkin.model.tasks import Ending, Submission
from pumpkin.store import tasks
from pumpkin.store.database import Database
from scripts.measure import load
from scripts.measure.fleet import crowd_rows
from tests.acceptance.product import Product

PROBES, PERIOD_S, OUTAGE_S = 100_000, 60.0, 3_600
ANALYSES_A_MINUTE, ANALYSIS_S, SPREAD = 1_000, 20.0, 0.8
USE = 0.7  # of a core; above it queues grow


@dataclass(frozen=True)
class Costs:
    """CPU seconds of the app and of PostgreSQL a check; bytes on disk a check; CPU seconds of PostgreSQL an analysis'
    way through the queue; kB of the XMPP server a connected agent."""

    app_s: float
    postgres_s: float
    disk_bytes: float
    task_s: float
    agent_kb: float


async def measure() -> Costs:
    """Half a minute on a fresh installation."""
    with tempfile.TemporaryDirectory() as folder:
        product = Product(Path(folder) / "data", environment={"PUMPKIN_SANDBOX__ENABLED": "false"})
        await asyncio.to_thread(product.start)
        try:
            dsn = EmbeddedPostgres(product.data).running_dsn()
            assert dsn is not None
            app_s, postgres_s, disk = await _checks(product, dsn)
            task_s = await _tasks(product, dsn)
        finally:
            product.kill()
    rows = await crowd_rows(200)
    agent = float(next(figure for name, figure, *_ in rows if "memory" in name).split()[0])
    return Costs(app_s, postgres_s, disk, task_s, agent)


async def _checks(product: Product, dsn: str) -> tuple[float, float, float]:
    key, port, pid = product.key("checks:write"), int(product.url.rpartition(":")[2]), int(product.facts["pid"])
    request = load.post("/api/v1/checks", _singles(), {"Authorization": f"Bearer {key}"})
    await load.run("127.0.0.1", port, request, clients=32, seconds=2)
    size, app, postgres = await _size(dsn), load.cpu(pid), _postgres(pid)
    seen = await load.run("127.0.0.1", port, request, clients=32, seconds=8)
    count = len(seen.times)
    await asyncio.sleep(2)
    return (
        (load.cpu(pid) - app) / count,
        (_postgres(pid) - postgres) / count,
        (await _size(dsn) - size) / count,
    )


async def _tasks(product: Product, dsn: str) -> float:
    """CPU seconds of PostgreSQL for submit, claim and end, one by one."""
    pid, count = int(product.facts["pid"]), 600
    db = Database(dsn)
    try:
        before = _postgres(pid)
        for n in range(count):
            name = f"capacity-{n}"
            wish = Submission("key:a", name, f"pkg:pypi/{name}@1", "pypi", name, "1", "capacity")
            await tasks.submit(db, [wish])
        for _ in range(count):
            for task in await tasks.claim(db, "capacity", 1):
                await tasks.end(db, task, Ending("clean"))
        return (_postgres(pid) - before) / count
    finally:
        await db.close()


async def _size(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        return int(await connection.fetchval("select pg_database_size(current_database())"))
    finally:
        await connection.close()


def _postgres(pid: int) -> float:
    """CPU seconds of all processes of the embedded PostgreSQL."""
    first = next(one for one in psutil.Process(pid).children() if "postgres" in one.name())
    every = [first, *first.children(recursive=True)]
    return sum(sum(one.cpu_times()[:4]) for one in every)


def _singles() -> Iterator[bytes]:
    line = {"type": "http", "format": "text", "payload": {"text": "200 OK in 0.012 s " * 8}, "status": "ok"}
    for _ in itertools.count():
        yield json.dumps({**line, "id": str(uuid.uuid4())}).encode()


def fleet(costs: Costs, probes: int, period_s: float, cores: int, chance: random.Random) -> dict[str, Any]:
    """A fleet against one database: `cores` nodes of one core each take checks, PostgreSQL has as many as it likes.

    An ordinary hour, then an outage of an hour after which everybody delivers what it kept.
    """
    rate = cores * USE / costs.app_s
    arriving = probes / period_s
    backlog = worst = 0.0
    for _ in range(3_600):
        backlog = max(0.0, backlog + chance.gauss(arriving, math.sqrt(arriving)) - rate)
        worst = max(worst, backlog)
    kept = arriving * OUTAGE_S
    catching = kept / (rate - arriving) if rate > arriving else math.inf
    return {"arriving": arriving, "rate": rate, "wait_s": worst / rate, "catching_s": catching}


def analyses(a_minute: float, mean_s: float, slots: int, chance: random.Random) -> dict[str, float]:
    """An hour of analyses on so many slots: how long they wait (seconds)."""
    free = [0.0] * slots
    heapq.heapify(free)
    now, waits = 0.0, []
    mu = math.log(mean_s) - SPREAD**2 / 2
    while now < 3_600:
        now += chance.expovariate(a_minute / 60)
        begin = max(now, heapq.heappop(free))
        waits.append(begin - now)
        heapq.heappush(free, begin + chance.lognormvariate(mu, SPREAD))
    waits.sort()
    return {"p50": waits[len(waits) // 2], "p99": waits[int(len(waits) * 0.99)]}


def show(costs: Costs) -> None:
    """The measured costs, and the simulated fleet."""
    chance = random.Random(1)
    print(f"measured: {costs.app_s * 1e6:.0f} us app and {costs.postgres_s * 1e6:.0f} us PostgreSQL a check by POST, "
          f"{costs.disk_bytes:,.0f} bytes on disk a check, {costs.task_s * 1e6:.0f} us PostgreSQL a queued analysis, "
          f"{costs.agent_kb:.0f} kB a connected agent")  # fmt: skip
    print(f"{'probes, each ' + format(PERIOD_S, '.0f') + ' s':<22}{'checks/s':>9}{'nodes':>7}{'PostgreSQL cores':>18}"
          f"{'GB a day':>10}{'XMPP GB':>9}{'wait':>8}{'after an hour away':>20}")  # fmt: skip
    for probes in (1_000, 10_000, PROBES):
        nodes = max(1, math.ceil(1.5 * probes / PERIOD_S * costs.app_s / USE))
        seen = fleet(costs, probes, PERIOD_S, nodes, chance)
        print(f"{probes:<22,}{seen['arriving']:>9,.0f}{nodes:>7}{seen['arriving'] * costs.postgres_s / USE:>18.2f}"
              f"{seen['arriving'] * 86_400 * costs.disk_bytes / 1e9:>10.1f}{probes * costs.agent_kb / 1e6:>9.1f}"
              f"{seen['wait_s']:>7.1f}s{seen['catching_s'] / 60:>16.0f} min")  # fmt: skip
    print(f"{'analyses a minute':<22}{'mean':>6}{'slots':>7}{'p50 wait':>10}{'p99 wait':>10}{'PostgreSQL cores':>18}")
    for a_minute in (10, 100, ANALYSES_A_MINUTE):
        least = a_minute / 60 * ANALYSIS_S
        slots = math.ceil(least + 2 * math.sqrt(least)) + 1
        waits = analyses(a_minute, ANALYSIS_S, slots, chance)
        print(f"{a_minute:<22,}{ANALYSIS_S:>5.0f}s{slots:>7}{waits['p50']:>9.1f}s{waits['p99']:>9.1f}s"
              f"{a_minute / 60 * costs.task_s / USE:>18.3f}")  # fmt: skip
    one = USE / costs.app_s
    print(f"one node takes {one:,.0f} checks a second on one core: {one * PERIOD_S:,.0f} such probes; "
          f"one core of PostgreSQL {USE / costs.postgres_s:,.0f}")  # fmt: skip


if __name__ == "__main__":
    given = [float(one) for one in sys.argv[1:]]
    begun = time.monotonic()
    show(Costs(*given) if given else asyncio.run(measure()))
    print(f"({time.monotonic() - begun:.0f} s)")
