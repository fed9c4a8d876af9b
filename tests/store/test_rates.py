"""The hourly limit: exact over processes, sliding, and kept in PostgreSQL."""

from __future__ import annotations

import asyncio
import time

import asyncpg

from pumpkin.store import keys, rates
from pumpkin.store.database import Database


async def test_a_window_takes_as_many_as_the_limit_says_and_slides(database: Database) -> None:
    first = await rates.take(database, "key:a", 3, span_s=0.4)
    assert (first.passed, first.limit, first.remaining) == (True, 3, 2)
    assert abs(first.reset - time.time()) < 3
    assert first.headers["X-RateLimit-Remaining"] == "2"
    second = await rates.take(database, "key:a", 3, uses=5, span_s=0.4)
    assert (second.passed, second.remaining) == (True, 0)
    refused = await rates.take(database, "key:a", 3, span_s=0.4)
    assert (refused.passed, refused.remaining, refused.wait_s) == (False, 0, 1)
    assert (await rates.take(database, "key:b", 3, span_s=0.4)).passed
    async with asyncio.timeout(5):
        while not (await rates.take(database, "key:a", 3, span_s=0.4)).passed:
            await asyncio.sleep(0.02)
    async with database.reader() as connection:
        assert await connection.fetchval("select used from rate_windows where owner = 'key:a'") <= 3


async def test_the_window_is_exact_over_many_connections(dsn: str, database: Database) -> None:
    connections = [await asyncpg.connect(dsn) for _ in range(8)]

    async def ask(connection: asyncpg.Connection) -> int:
        passed = 0
        for _ in range(40):
            row = await connection.fetchrow("select * from take_rate('key:shared', 100, 1, 3600000000)")
            passed += row["taken"]
        return passed

    assert sum(await asyncio.gather(*map(ask, connections))) == 100
    await asyncio.gather(*(connection.close() for connection in connections))


async def test_a_clock_that_steps_back_blocks_nobody_longer_than_a_window(database: Database) -> None:
    await rates.take(database, "key:a", 1)
    async with database.writer() as connection:
        await connection.execute("update rate_uses set at = at + 864000000000")
        await connection.execute("update rate_windows set last = last + 864000000000")
    refused = await rates.take(database, "key:a", 1)
    assert not refused.passed
    assert refused.wait_s <= 3_600


async def test_a_rotated_key_keeps_its_owner_and_the_old_one_ends(database: Database) -> None:
    old, old_text = await keys.create(database, name="ci", scopes=["packages:write"], rate=7)
    new, text = await keys.rotate(database, old.prefix)
    assert (new.owner, new.scopes, new.rate) == (old.owner, old.scopes, 7)
    assert await keys.find(database, old_text) is None
    assert (found := await keys.find(database, text)) is not None
    assert found.owner == f"key:{old.prefix}"
    third, _ = await keys.rotate(database, new.id, grace_s=60)
    assert third.owner == old.owner
    assert await keys.find(database, text) is not None
