"""Webhooks are told whatever happens between submission and end: by retries, over kills, once by many processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest

from actors.herald import Herald
from actors.supervision import System
from pumpkin.adapters.webhooks import Webhooks
from pumpkin.bus import Bus
from pumpkin.model.tasks import Ending, Submission
from pumpkin.store import tasks
from pumpkin.store.database import Database
from tests.adapters.test_webhooks import Receiver, served
from tests.store.test_tasks import wish


class Town:
    """A receiver, and as many heralds on one database as are wanted."""

    def __init__(self, db: Database, receiver: Receiver, address: str) -> None:
        self.db, self.receiver, self.address = db, receiver, address
        self.bus, self.systems, self.hooks = Bus(), [], Webhooks([address])

    systems: list[System]

    async def herald(self, tell: Callable[..., Any] | None = None, **more: Any) -> Herald:
        system = System(self.bus)
        self.systems.append(system)
        child = await system.start("herald", lambda: Herald.start(self.db, self.bus, tell or self.hooks.tell, **more))
        return child.actor

    def wish(self, name: str, **more: Any) -> Submission:
        return wish(name, webhook=f"{self.address}/hook", **more)

    async def end(self, name: str, outcome: str = "clean") -> None:
        """The task of that name is claimed and ended elsewhere, unheard."""
        for task in await tasks.claim(self.db, "elsewhere", 10):
            await tasks.end(self.db, task, Ending(outcome, {"score": 0}))

    async def heard(self, count: int) -> list[Mapping[str, Any]]:
        async with asyncio.timeout(10):
            while len(self.receiver.bodies) < count:
                await asyncio.sleep(0.01)
        return self.receiver.bodies


@pytest.fixture
async def town(database: Database) -> AsyncIterator[Town]:
    receiver = Receiver()
    server = await served(receiver)
    made = Town(database, receiver, str(server.make_url("/")).rstrip("/"))
    yield made
    for system in made.systems:
        await system.stop()
    await made.hooks.__aexit__()
    await server.close()


async def left(db: Database) -> int:
    async with db.reader() as connection:
        return int(await connection.fetchval("select count(*) from webhooks"))


async def test_who_starts_after_the_end_tells_it(town: Town, database: Database) -> None:
    [decided] = await tasks.submit(database, [town.wish("a")])
    await town.end("a", "malicious")
    await town.herald()
    [body] = await town.heard(1)
    assert body == {
        "task_id": decided.id, "uuid": str(decided.uuid), "purl": "pkg:pypi/a@1.0", "status": "completed",
        "outcome": "malicious", "report_id": None,
    }  # fmt: skip
    async with asyncio.timeout(5):
        while await left(database):
            await asyncio.sleep(0.01)


async def test_what_a_killed_process_was_telling_is_told_by_the_next(town: Town, database: Database) -> None:
    begun = asyncio.Event()

    async def cut_off(*_: Any) -> str:
        begun.set()
        await asyncio.sleep(60)
        return "told"

    await tasks.submit(database, [town.wish("a")])
    await town.end("a")
    await town.herald(cut_off, lease_s=0.3)
    async with asyncio.timeout(5):
        await begun.wait()
    await town.systems[0].stop()
    assert await left(database) == 1
    herald = await town.herald()
    async with asyncio.timeout(10):
        while not town.receiver.bodies:
            herald.wake()
            await asyncio.sleep(0.02)


async def test_a_receiver_that_is_down_is_told_when_it_is_back(town: Town, database: Database) -> None:
    town.receiver.refusals = 2
    herald = await town.herald(pauses_s=(0.01, 0.01))
    await tasks.submit(database, [town.wish("a")])
    await town.end("a")
    async with asyncio.timeout(10):
        while not town.receiver.bodies:
            herald.wake()
            await asyncio.sleep(0.02)
    assert town.receiver.asked == 3
    assert len(set(town.receiver.deliveries)) == 1


async def test_one_that_never_answers_is_given_up(town: Town, database: Database) -> None:
    town.receiver.refusals = 99
    herald = await town.herald(pauses_s=(0.0, 0.0))
    await tasks.submit(database, [town.wish("a")])
    await town.end("a")
    async with asyncio.timeout(10):
        while not herald.given_up:
            herald.wake()
            await asyncio.sleep(0.02)
    assert town.receiver.asked == 3
    assert await left(database) == 0


async def test_each_way_to_end_is_told_and_to_every_address(town: Town, database: Database) -> None:
    await town.herald()
    other = wish("a", webhook=f"{town.address}/hook?second", owner="key:other")
    [first, again] = await tasks.submit(database, [town.wish("a"), other])
    assert first.id == again.id
    await town.end("a")
    town.bus.publish("task.moved", {"task_id": first.id, "status": "completed"})
    await town.heard(2)
    await tasks.submit(database, [town.wish("a")])  # its result is there already
    [cancelled] = await tasks.submit(database, [town.wish("b")])
    await tasks.cancel(database, cancelled.id or 0)
    town.bus.publish("task.moved", {"task_id": cancelled.id, "status": "failed"})
    bodies = await town.heard(4)
    assert sorted((body["purl"], body["status"], body["outcome"]) for body in bodies[2:]) == [
        ("pkg:pypi/a@1.0", "completed", "clean"), ("pkg:pypi/b@1.0", "failed", "cancelled"),
    ]  # fmt: skip


async def test_of_many_processes_one_tells(town: Town, database: Database, dsn: str) -> None:
    second = Database(dsn)
    hooks = Town(second, town.receiver, town.address)
    await town.herald()
    await hooks.herald()
    await tasks.submit(database, [town.wish(f"p{number}") for number in range(20)])
    while await tasks.length(database):
        await town.end("all")
    for bus in (town.bus, hooks.bus):
        bus.publish("task.moved", {"task_id": 0, "status": "completed"})
    await town.heard(20)
    for one in (*town.systems, *hooks.systems):
        await one.stop()
    assert len(town.receiver.bodies) == 20
    assert len({body["task_id"] for body in town.receiver.bodies}) == 20
    await hooks.hooks.__aexit__()
    await second.close()
