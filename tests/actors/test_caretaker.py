"""Retention by rule and by size lets payloads go and leaves a log that audits; want of room is told, and its end."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from actors.caretaker import Caretaker, Keep, Limits
from pumpkin.errors import Unavailable
from pumpkin.evidence import record
from pumpkin.model.checks import Observation, Receipt
from pumpkin.store import checks, erasure, upkeep
from pumpkin.store.database import Database

NOW = 1_700_000_000_000_000
DAY = 86_400_000_000


class House:
    """A caretaker whose hour does not come by itself, on a store it may fill."""

    def __init__(self, db: Database) -> None:
        self.db, self.free, self.running = db, 10 * 2**30, list[Caretaker]()

    async def hired(self, *rules: Keep, quota: int = 0, messages: float = 0) -> Caretaker:
        actor = Caretaker.start(
            self.db,
            free_bytes=lambda: self.free,
            reserve_bytes=64 * 2**20,
            warn_bytes=2**30,
            limits=Limits(rules, quota, messages),
            receive=self.receive,
            now=lambda: NOW,
            tick_s=3_600,
            first_s=3_600,
        )._actor_weakref()
        assert actor is not None
        await actor.started()
        self.running.append(actor)
        return actor

    async def receive(self, seen: Observation) -> Receipt:
        return await self._store(seen, NOW)

    async def check(self, age_days: float, *, type: str = "http", kind: str = "check", size: int = 100) -> UUID:
        made = Observation(
            id=uuid4(), kind=kind, type=type, format="text", agent="probe@localhost", observed=NOW,
            payload=b"x" * size, media="text/plain",
        )  # fmt: skip
        await self._store(made, NOW - int(age_days * DAY))
        return made.id

    async def _store(self, seen: Observation, received: int) -> Receipt:
        (answer,) = await checks.store_batch(self.db, [(seen, received, record.make(seen, received))])
        assert isinstance(answer, Receipt)
        return answer

    async def payload(self, one: UUID) -> bytes | None:
        async with self.db.reader() as connection:
            found: bytes | None = await connection.fetchval("select payload from checks where id = $1", one)
        return found

    async def said(self) -> Sequence[dict[str, Any]]:
        async with self.db.reader() as connection:
            rows = await connection.fetch("select payload from checks where type = 'retention' order by seq")
        return [json.loads(row["payload"]) for row in rows]


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    made = House(database)
    yield made
    for actor in made.running:
        actor.actor_ref.stop(block=False)
        await actor.ended()


async def test_what_a_rule_lets_go_of_loses_its_payload_and_keeps_its_record(house: House) -> None:
    old, young, other = await house.check(31), await house.check(29), await house.check(31, type="dns")
    key = await house.check(400, kind="key")
    caretaker = await house.hired(Keep(30, type="http"))
    assert await caretaker.tidy() == 1
    assert await house.payload(old) is None
    assert None not in [await house.payload(one) for one in (young, other, key)]
    (said,) = await house.said()
    assert [one["id"] for one in said["erased"]] == [str(old)]
    assert said["rule"] == "type http: 30 days"
    noted = await erasure.of(house.db, old)
    assert noted is not None
    assert noted.who == "system:retention"
    assert await caretaker.tidy() == 0, "a second look finds nothing"
    async with house.db.reader() as connection:
        kept = await connection.fetchrow("select record, leaf_hash from checks where id = $1", old)
    assert kept["record"]


async def test_a_quota_lets_go_of_the_oldest_first(house: House) -> None:
    every = [await house.check(5 - n, size=1_000) for n in range(5)]
    caretaker = await house.hired(quota=2_500)
    assert await caretaker.tidy() == 3
    assert [await house.payload(one) is None for one in every] == [True, True, True, False, False]
    assert await upkeep.kept(house.db) == 2_000


async def test_a_full_disk_is_told_until_there_is_room_and_a_write_went_well(house: House) -> None:
    caretaker = await house.hired()
    assert (caretaker.trouble(), caretaker.warning()) == ("", "")
    house.free = 10 * 2**20
    assert "10 MiB of disk are free" in caretaker.trouble()
    assert caretaker.figures()["pumpkin_disk_writable"] == 0
    assert caretaker.warning() == ""  # it is said as a trouble already
    house.free = 900 * 2**20
    assert (caretaker.trouble(), caretaker.warning()) == ("", "900 MiB are free; below 64 checks are refused")
    house.free = 10 * 2**30
    house.db.refused = "could not extend file: No space left on device"
    assert "No space left" in caretaker.trouble()
    await caretaker.actor_ref.ask("look", block=False)
    assert caretaker.trouble() == ""


async def test_a_server_that_refuses_writes_is_remembered_as_such(house: House) -> None:
    with pytest.raises(Unavailable):
        async with house.db.writer() as connection:
            await connection.execute("do $$ begin raise exception using errcode = '53100', message = 'no room'; end $$")
    assert house.db.refused == "no room"
    await upkeep.try_writing(house.db)
    assert house.db.refused == ""
