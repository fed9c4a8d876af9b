"""What correlation costs: a check under a hundred rules, and a probe that sends a million results.

`python -m scripts.measure.correlation [CHECKS]` prints the rows. The checks of the flood are put into the table by SQL:
what is measured is the correlator on a real database, not those who deliver.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import sys
import tempfile
import time
from pathlib import Path
from uuid import UUID

import structlog

from actors.correlator import Correlator, Pace
from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from pumpkin.bus import Bus
from pumpkin.model.checks import Observation, Receipt
from pumpkin.model.rules import Engine, Sighting, read
from pumpkin.store import alerts
from pumpkin.store.database import Database

KINDS = (
    'kind = "expected"',
    'kind = "change"',
    'kind = "threshold"\nwindow = "5m"\nlimit = 1e9',
    'kind = "flapping"\nwindow = "5m"\nchanges = 100',
    'kind = "silence"\nperiod = "1h"',
)
FLOOD = """
insert into checks (seq, id, kind, type, format, agent, observed, received, target, status, detail, payload, media,
    size, content, record, leaf_hash, group_hash)
select n, gen_random_uuid(), 'check', 'http', 'json', 'flood@x', $2, $2 + n * 10, 't' || n % 20,
    case when n % 7 = 0 then 'critical' else 'ok' end,
    jsonb_build_object('result', jsonb_build_object('data', jsonb_build_object('ms', n % 900))),
    '', 'text/plain', 0, '', '', '', ''
from generate_series(0, $1::bigint - 1) as n
"""
RULES = """
[[rule]]
name = "often"
kind = "threshold"
window = "1m"
limit = 100
select = { type = "http", status = "critical" }

[[rule]]
name = "slow"
kind = "threshold"
window = "1m"
aggregate = "mean"
value = "result.data.ms"
op = ">"
limit = 400
least = 10

[[rule]]
name = "flapping"
kind = "flapping"
window = "1m"
changes = 10
"""


def engine_us(rules: int, matching: int, checks: int = 5_000) -> float:
    """Microseconds a check costs an engine of so many rules, of which so many look at it."""
    parts = []
    for number in range(rules):
        kind = "http" if number < matching else f"other-{number}"
        parts.append(f'[[rule]]\nname = "r{number}"\n{KINDS[number % len(KINDS)]}\nselect = {{ type = "{kind}" }}')
    now = time.time_ns() // 1_000
    engine = Engine(read("\n".join(parts).encode()), since=now)
    seen = [
        Sighting(n, UUID(int=n), "check", "http", f"p{n % 50}@x", f"t{n % 20}", "ok", "", now + n, now + n)
        for n in range(checks)
    ]
    begun = time.process_time()
    for one in seen:
        engine.observe(one)
    return (time.process_time() - begun) / checks * 1e6


async def flood(count: int) -> list[str]:
    """A million results of one probe under three rules that all look at them."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder) / "data")
        dsn = await server.start()
        db = await Database.open(dsn)
        (Path(folder) / "alerts.toml").write_text("", "utf-8")

        async def receive(seen: Observation) -> Receipt:
            return Receipt(seen.id, 0, False, 0)

        ref = Correlator.start(
            db,
            Bus(),
            origin="x",
            holder="x",
            rules=Path(folder) / "alerts.toml",
            receive=receive,
            pace=Pace(tick_s=0.05),
        )
        actor = ref._actor_weakref()
        assert actor is not None
        while actor.state != "running":
            await asyncio.sleep(0.01)
        async with db.writer() as connection:
            await connection.execute(FLOOD, count, time.time_ns() // 1_000, timeout=600)
        (Path(folder) / "alerts.toml").write_text(RULES, "utf-8")
        while len(actor._engine.machines) < 3:
            await asyncio.sleep(0.01)
        before, lag = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0.0
        async with db.writer() as connection:
            await connection.execute("update log_head set size = $1", count)
        cpu, begun = time.process_time(), time.monotonic()
        while actor._handled < count:
            slept = time.monotonic()
            await asyncio.sleep(0.01)
            lag = max(lag, time.monotonic() - slept - 0.01)
        took, cpu = time.monotonic() - begun, time.process_time() - cpu
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        found = await alerts.page(db, limit=500)
        raised = len(found)
        await ref.stop(block=False)
        await actor.ended()
        await db.close()
        await server.stop()
    return [
        f"{count:,} checks of one probe, three rules     {count / took:,.0f}/s, {cpu / count * 1e6:.0f} us CPU each",
        f"  memory it grew by, longest turn on the loop  {grown / 1024:.0f} MiB, {lag * 1e3:.0f} ms",
        f"  alerts raised                                {raised}",
    ]


async def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    for rules, matching in ((1, 1), (100, 1), (100, 10), (100, 100)):
        cost = engine_us(rules, matching)
        print(f"a check under {rules:3} rules, {matching:3} look at it          {cost:.1f} us")
    for line in await flood(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000):
        print(line)


if __name__ == "__main__":
    asyncio.run(main())
