"""One node leads: by a lock that goes with its connection, or is taken from one that hangs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from pumpkin.store import leading
from pumpkin.store.database import Database
from pumpkin.store.leading import Seat


@pytest.fixture
async def other(dsn: str) -> AsyncIterator[Database]:
    db = Database(dsn)
    yield db
    await db.close()


async def until(seat: Seat, held: bool) -> None:
    async with asyncio.timeout(8):
        while seat.held is not held:
            await asyncio.sleep(0.01)


async def test_one_of_two_leads_and_the_other_when_it_ends(database: Database, other: Database) -> None:
    told: list[bool] = []
    first, second = Seat(database, "one"), Seat(other, "two", told.append)
    assert await first.sit()
    assert not await second.sit()
    keeping = [asyncio.create_task(seat.keep()) for seat in (first, second)]
    await asyncio.sleep(0.4)
    assert (first.held, second.held, told) == (True, False, [])
    keeping[0].cancel()
    await until(second, True)
    assert (first.held, told) == (False, [True])
    keeping[1].cancel()


async def test_a_lead_lost_with_its_connection_is_noticed_by_itself(database: Database, dsn: str) -> None:
    seat = Seat(database, "one")
    assert await seat.sit()
    keeping = asyncio.create_task(seat.keep())
    await asyncio.sleep(0.05)
    async with database.writer() as connection:
        await connection.execute("select pg_terminate_backend(pid) from pg_locks where classid = 5069 and objid = 2")
    await until(seat, False)
    await until(seat, True)  # nobody else wanted it
    keeping.cancel()


async def test_one_that_hangs_is_sent_away(database: Database, other: Database) -> None:
    hung, second = Seat(database, "one"), Seat(other, "two")
    assert await hung.sit()  # and never says again that it is alive
    async with database.writer() as connection:
        await connection.execute("update leader set beat = beat - $1", int(leading.LEAD_S * 1e6))
    keeping = asyncio.create_task(second.keep())
    await until(second, True)
    await until(hung, False)
    keeping.cancel()
