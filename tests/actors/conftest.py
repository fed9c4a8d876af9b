"""The sealing line with real parts: aggregator, sealer and stamper on a real database, with a real authority."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

from actors.aggregator import Aggregator, Bounds
from actors.sealer import Sealer
from actors.stamper import Series, Stamper
from actors.supervision import Child, Restart, System
from pumpkin.bus import Bus
from pumpkin.errors import TsaError
from pumpkin.evidence.authority import Authority
from pumpkin.evidence.checkpoint import LogKey
from pumpkin.model.checks import Observation
from pumpkin.store.database import Database


def observation(payload: bytes = b"all is well", **changes: Any) -> Observation:
    """A check as a probe sends it; `changes` replace fields."""
    values: dict[str, Any] = {
        "id": uuid4(),
        "type": "ping",
        "format": "text",
        "agent": "probe@example.org",
        "observed": 1_790_000_000_000_000,
        "payload": payload,
        "media": "text/plain",
        "detail": {"status": "ok"},
    }
    return Observation(**{**values, **changes})


@dataclass
class Tsa:
    """An authority in the process that can be told to fail, hang or answer with something else."""

    authority: Authority = field(default_factory=lambda: Authority.create("test"))
    asked: int = 0
    mode: str = "ok"
    resume: asyncio.Event = field(default_factory=asyncio.Event)
    called: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, query: bytes) -> bytes:
        self.asked += 1
        self.called.set()
        if self.mode == "hang":
            await self.resume.wait()
        if self.mode == "down":
            raise TsaError("HTTP status 503")
        if self.mode == "html":
            return b"<html>welcome</html>"
        if self.mode == "refuse":
            return self.authority.respond(b"0\x00")
        return self.authority.respond(query)


@dataclass
class Line:
    """The three actors under one supervisor, wired as the application wires them."""

    system: System
    bus: Bus
    db: Database
    key: LogKey
    tsa: Tsa
    aggregator: Child[Aggregator]
    sealer: Child[Sealer]
    stamper: Child[Stamper]

    async def until_stamped(self, size: int, within_s: float = 20.0) -> None:
        """Wait for the stamp that covers the first `size` records."""
        async with asyncio.timeout(within_s):
            async for event in self.bus.subscribe(["proof.stamped"], since=0):
                if event.data["checkpoint"] >= size:
                    return

    async def until(self, topic: str, within_s: float = 20.0, since: int = 0) -> Any:
        """The data of the first event on `topic` after the bus id `since`."""
        async with asyncio.timeout(within_s):
            async for event in self.bus.subscribe([topic], since=since):
                return event.data
        raise AssertionError("the bus ended")


StartLine = Callable[..., Awaitable[Line]]


@pytest.fixture
async def start_line(database: Database) -> AsyncIterator[StartLine]:
    """Starts a line on the test's database; may be called again after the first was stopped. Its checkpoints name the
    newest token where `named`: not every third party's client reads such lines."""
    systems: list[System] = []

    async def start(
        tsa: Tsa | None = None,
        key: LogKey | None = None,
        bounds: Bounds | None = None,
        known_agent: Callable[[str], bool] = lambda agent: True,
        room: Callable[[], bool] = lambda: True,
        named: bool = False,
        **series: Any,
    ) -> Line:
        tsa, key, bus = tsa or Tsa(), key or LogKey.generate("log.example"), Bus(history=20_000)
        system = System(bus)
        systems.append(system)
        quick = Restart(limit=20, backoff_s=0.005, backoff_max_s=0.02)
        settings = {"backoff_s": 0.01, "backoff_max_s": 0.02, **series}
        authority = Series("local", "local", [tsa.authority.root_pem], self_asserted=True, **settings)
        sealer: Child[Sealer]
        stamper = await system.start(
            "stamper",
            lambda: Stamper.start(
                database, bus, authority, ask=tsa.ask, returned=lambda: sealer.actor.wake() if sealing() else None
            ),
            restart=quick,
        )

        def sealing() -> bool:
            return "sealer" in {state.name for state in system.states() if state.state == "running"}

        def stamping() -> bool:
            return stamper.running and stamper.actor.busy

        sealer = await system.start(
            "sealer",
            lambda: Sealer.start(
                database,
                bus,
                key,
                busy=stamping,
                sealed=lambda head: stamper.actor.sealed(head) if stamper.running else None,
                tokens=lambda: [stamper.actor.token] if named and stamper.running and stamper.actor.token else [],
                batch_age_s=0.2,
            ),
            restart=quick,
        )
        aggregator = await system.start(
            "aggregator",
            lambda: Aggregator.start(
                database,
                bus,
                known_agent=known_agent,
                stored=lambda first, hashes: sealer.actor.stored(first, hashes) if sealing() else None,
                bounds=bounds or Bounds(),
                room=room,
            ),
            restart=quick,
        )
        return Line(system, bus, database, key, tsa, aggregator, sealer, stamper)

    yield start
    for system in systems:
        await system.stop(1.0)
