"""A correlator behind a real aggregator, for tests: its rule file, and what people and clocks do to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from actors.aggregator import Aggregator
from actors.correlator import Correlator, Pace
from pumpkin.bus import Bus
from pumpkin.model.agents import Board, Presence
from pumpkin.model.alerts import Alert
from pumpkin.store import alerts, checks
from pumpkin.store.database import Database
from tests.actors.conftest import Line, observation

PACE = Pace(tick_s=0.02, settle_s=0.0, keep_s=0.1, roster_s=0.1, again_s=0.05)
DOWN = """
[[rule]]
name = "down"
kind = "expected"
severity = "critical"
select = { type = "http" }
message = "{target} is {value}"
to = ["oncall"]
"""


class Desk:
    """A correlator behind an aggregator, its rule file, and what people and clocks do to it."""

    def __init__(self, db: Database, aggregator: Aggregator, file: Path, bus: Bus) -> None:
        self.db, self.aggregator, self.file, self.bus = db, aggregator, file, bus
        self.presence: dict[str, Presence] = {}
        self.ref: Any = None

    @property
    def actor(self) -> Correlator:
        found = self.ref._actor_weakref()
        assert isinstance(found, Correlator)
        return found

    async def start(self, **more: Any) -> Correlator:
        self.ref = Correlator.start(
            self.db,
            self.bus,
            origin="log.example",
            holder=more.pop("holder", "me"),
            rules=self.file,
            receive=self.aggregator.receive,
            board=lambda: Board(dict(self.presence)),
            **{"pace": PACE, **more},
        )
        await self.actor.started()
        await self.until(lambda: self.actor.state in ("running", "standby"))
        return self.actor

    async def stop(self) -> None:
        if self.ref is not None and self.ref.is_alive():
            actor = self.actor
            await self.ref.stop(block=False)
            await actor.ended()

    async def kill(self) -> None:
        actor = self.actor
        actor.kill()
        await actor.ended()

    async def see(self, status: str = "critical", target: str = "shop", **more: Any) -> UUID:
        detail = {"target": target, "status": status, **more.pop("detail", {})}
        one = observation(detail=detail, **{"type": "http", **more})
        await self.aggregator.receive(one)
        return one.id

    async def until(self, fits: Callable[[], Any], within_s: float = 10.0) -> None:
        async with asyncio.timeout(within_s):
            while not (answer := fits()) or (asyncio.iscoroutine(answer) and not await answer):
                await asyncio.sleep(0.01)

    async def caught_up(self) -> None:
        """Until all that is stored had its say and all that followed was told."""
        while True:
            size, actor = await checks.size(self.db), self.actor
            rounds = actor.rounds
            actor.wake()
            await self.until(
                lambda actor=actor, rounds=rounds, size=size: actor.rounds >= rounds + 2 and actor._handled >= size
            )
            if await checks.size(self.db) == size and not await alerts.untold(self.db):
                return

    async def all(self) -> list[Alert]:
        return (await alerts.page(self.db))[::-1]

    async def one(self) -> Alert:
        (found,) = await self.all()
        return found

    async def history(self, alert: Alert) -> list[str]:
        return [one.event for one in await alerts.events(self.db, alert.id)]

    async def db_count(self, query: str) -> int:
        async with self.db.reader() as connection:
            return int(await connection.fetchval(query))

    def told(self) -> list[tuple[str, dict[str, Any]]]:
        return [(one.topic, one.data) for one in self.bus._history if one.topic.startswith("alert.")]


Open = Callable[..., Awaitable[Desk]]


@pytest.fixture
async def desk(database: Database, tmp_path: Path) -> AsyncIterator[Open]:
    """Starts a correlator with these rules, and with `line` the sealing line behind it."""
    made: list[Desk] = []
    bus = Bus(history=20_000)
    ref = Aggregator.start(database, bus)
    aggregator = ref._actor_weakref()
    assert aggregator is not None

    async def start(rules: str, line: Line | None = None, **more: Any) -> Desk:
        file = tmp_path / "alerts.toml"
        file.write_text(rules, "utf-8")
        one = Desk(database, aggregator, file, bus)
        if line is not None:
            one.aggregator, one.bus = line.aggregator.actor, line.bus
        made.append(one)
        await one.start(**more)
        return one

    yield start
    for one in made:
        await one.stop()
    await ref.stop(block=False)
    await aggregator.ended()
