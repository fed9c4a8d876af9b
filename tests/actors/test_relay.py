"""Events of one node reach the readers of another; those of all topics are made for nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from actors.relay import Relay
from actors.supervision import System
from pumpkin.bus import Bus
from pumpkin.model.checks import Observation
from pumpkin.store.database import Database
from tests.actors.conftest import StartLine


class Node:
    """A bus and its relay."""

    def __init__(self, db: Database, name: str) -> None:
        self.db, self.name, self.bus = db, name, Bus()
        self.system = System(self.bus)
        self.hints: list[tuple[str, Any]] = []
        self.alone = False

    async def start(self) -> Relay:
        async def others() -> bool:
            return not self.alone

        child = await self.system.start(
            "relay",
            lambda: Relay.start(
                self.db, self.bus, self.name, others=others, heard=lambda topic, data: self.hints.append((topic, data))
            ),
        )
        return child.actor


@pytest.fixture
async def pair(dsn: str, database: Database) -> AsyncIterator[tuple[Node, Node]]:
    other = Database(dsn)
    made = Node(database, "one"), Node(other, "two")
    yield made
    for node in made:
        await node.system.stop()
    await other.close()


async def listening(db: Database, nodes: int) -> None:
    """Until so many connections listen."""
    async with asyncio.timeout(10):
        while True:
            async with db.reader() as connection:
                found = await connection.fetchval(
                    "select count(*) from pg_stat_activity where datname = current_database()"
                    " and query ilike 'listen%pumpkin_events%'"
                )
            if found >= nodes:
                return
            await asyncio.sleep(0.02)


async def test_an_event_is_told_once_at_each_node(pair: tuple[Node, Node]) -> None:
    one, two = pair
    await one.start()
    await two.start()
    await listening(one.db, 2)
    near, far = one.bus.subscribe(["check.sealed"]), two.bus.subscribe(["check.sealed"])
    for size in range(50):
        one.bus.publish("check.sealed", {"first": size, "last": size, "checkpoint": size + 1})
    heard = []
    async with asyncio.timeout(10):
        async for event in far:
            heard.append(event)
            if len(heard) == 50:
                break
    assert [event.data["checkpoint"] for event in heard] == list(range(1, 51))
    assert {event.foreign for event in heard} == {True}
    two.bus.publish("check.sealed", {"first": 50, "last": 50, "checkpoint": 51})
    async with asyncio.timeout(10):
        async for event in near:
            if event.foreign:
                break
    assert event.data["checkpoint"] == 51  # and none of the fifty came back
    assert len(two.hints) == 50


async def test_a_node_alone_tells_nobody_and_what_is_too_large_is_left_out(pair: tuple[Node, Node]) -> None:
    one, two = pair
    one.alone = True
    relay = await one.start()
    await two.start()
    await listening(one.db, 2)
    one.bus.publish("check.sealed", {"checkpoint": 1})
    await asyncio.sleep(0.1)
    assert relay.told == 0
    one.alone = False
    await relay.on_receive("look")
    one.bus.publish("message.received", {"id": "x" * 10_000})
    one.bus.publish("message.received", {"id": "small"})
    async with asyncio.timeout(10):
        while not two.hints:
            await asyncio.sleep(0.01)
    assert two.hints == [("message.received", {"id": "small"})]
    assert relay.dropped == 1


async def test_scan_is_made_at_the_node_that_reads_it(pair: tuple[Node, Node], start_line: StartLine) -> None:
    line = await start_line()
    one, two = pair
    one.bus = line.bus
    await one.start()
    await two.start()
    await listening(one.db, 2)
    assert not one.bus.read_by_anyone("scan")
    reader = two.bus.subscribe(["scan"])
    check = uuid4()
    await line.aggregator.actor.receive(
        Observation(id=check, type="ping", format="raw", agent="a@example", observed=1, payload=b"pong")
    )
    async with asyncio.timeout(10):
        async for event in reader:
            assert str(check) in str(event.data)
            break


async def test_nonsense_from_elsewhere_is_left_alone(pair: tuple[Node, Node]) -> None:
    one, _ = pair
    relay = await one.start()
    await listening(one.db, 1)
    for payload in ("{", "[]", '{"from": "x"}', '{"from": "x", "events": [1]}', '{"from": "x", "events": []}'):
        async with one.db.writer() as connection:
            await connection.execute("select pg_notify('pumpkin_events', $1)", payload)
    async with one.db.writer() as connection:
        await connection.execute(
            "select pg_notify('pumpkin_events', $1)", '{"from": "x", "events": [["check.sealed", {"checkpoint": 9}]]}'
        )
    async with asyncio.timeout(10):
        while not one.hints:
            await asyncio.sleep(0.01)
    assert one.hints == [("check.sealed", {"checkpoint": 9})]
    assert relay.heard_of == 1
