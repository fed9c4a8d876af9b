"""The tally folds in what came, and goes on when the database was away."""

from __future__ import annotations

import asyncio
import time
from uuid import uuid4

from actors.tally import Tally
from pumpkin.evidence import record
from pumpkin.model.checks import Observation
from pumpkin.store import checks
from pumpkin.store.database import Database


async def test_what_came_is_folded_in(database: Database) -> None:
    ref = Tally.start(database, tick_s=0.01)
    now = time.time_ns() // 1_000
    for count in (3, 5):
        seen = [
            Observation(uuid4(), "http", "json", f"p{n}@x.example", now, b"", detail={"status": "critical"})
            for n in range(count)
        ]
        await checks.store_batch(database, [(one, now, record.make(one, now)) for one in seen])
        async with asyncio.timeout(5):
            while await _upto(database) < await checks.size(database):
                await asyncio.sleep(0.01)
    async with database.reader() as connection:
        assert await connection.fetchval("select sum(times) from failing") == 8
    await ref.stop(block=False)


async def _upto(database: Database) -> int:
    async with database.reader() as connection:
        return int(await connection.fetchval("select upto from failing_head"))
