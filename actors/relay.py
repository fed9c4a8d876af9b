"""Carries this node's events to the other nodes on its database, and theirs onto its own bus.

Events go as NOTIFY, many at once, while there are other nodes; what is larger than a notification is left out, and read
from the database by whoever hears of it. Where more comes than can be carried, the oldest are dropped: an event tells
that something happened, the database says what is."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import structlog

from actors.base import LoopActor
from pumpkin.bus import Bus, Event
from pumpkin.errors import Unavailable
from pumpkin.model import wire
from pumpkin.model.proofs import Stamp
from pumpkin.store import checks, listening, proofs
from pumpkin.store.database import Database

CHANNEL = "pumpkin_events"
LOOK_S = 5.0  # how often it is asked whether there are other nodes
PAYLOAD = 7_500  # PostgreSQL takes 8,000 bytes
WAITING_MOST = 5_000
PACE_S = 0.02  # between two notifications' commits, which take turns with the checks' own

TOLD = frozenset(
    {
        "check.stored",
        "check.sealed",
        "proof.stamped",
        "proof.renewed",
        "log.fault",
        "presence.changed",
        "message.received",
        "task.event",
        "alert.raised",
        "alert.acknowledged",
        "alert.escalated",
        "alert.resolved",
        "alert.changed",
    }
)
"""Topics carried; the queue carries its own, `scan` and `tst` are made anew at each node of what stands in the
database. They are subscribed to by name: a reader of all topics would have those two made for nobody."""

Hint = Callable[[str, Any], None]
log = structlog.get_logger("pumpkin.relay")


class Relay(LoopActor):
    """`others()` says whether other nodes are alive; `heard(topic, data)` is called with each event of another node;
    `tell_tokens(stamp)` tells topic `tst` of a stamp another node got."""

    def __init__(
        self,
        db: Database,
        bus: Bus,
        node: str,
        *,
        others: Callable[[], Awaitable[bool]],
        heard: Hint = lambda topic, data: None,
        tell_tokens: Callable[[Stamp], Awaitable[None]] | None = None,
    ) -> None:
        super().__init__()
        self._db, self._bus, self._node, self._others, self._hint = db, bus, node, others, heard
        self._tell_tokens = tell_tokens
        self._untold: deque[str] = deque(maxlen=WAITING_MOST)
        self._saying = asyncio.Event()
        self._reading: deque[tuple[str, Any]] = deque(maxlen=WAITING_MOST)
        self._to_read = asyncio.Event()
        self._accompanied = False
        self.told = self.heard_of = self.dropped = 0

    async def on_start(self) -> None:
        await self._look()
        _ = self.spawn(self._collect(), name="events of this node")
        _ = self.spawn(self._say(), name="telling other nodes")
        _ = self.spawn(self._read(), name="what other nodes stored")
        _ = self.spawn(listening.listen(self._db, self._heard, channel=CHANNEL), name="events of other nodes")
        self.every(LOOK_S, "look")

    async def on_receive(self, message: Any) -> Any:
        if message == "look":
            await self._look()

    def status(self) -> dict[str, Any]:
        """For a page or metric."""
        return {"others": self._accompanied, "told": self.told, "heard": self.heard_of, "dropped": self.dropped}

    async def _look(self) -> None:
        with contextlib.suppress(Unavailable):
            self._accompanied = await self._others()

    # -- out

    async def _collect(self) -> None:
        while True:
            subscription = self._bus.subscribe(TOLD, limit=20_000)
            try:
                async for event in subscription:
                    self._take(event)
            finally:
                subscription.close()

    def _take(self, event: Event) -> None:
        if event.foreign or not self._accompanied:
            return
        try:
            text = json.dumps([event.topic, event.data], separators=(",", ":"))
        except (TypeError, ValueError):
            return
        if len(text) > PAYLOAD - 100:
            self.dropped += 1
            return
        self.dropped += len(self._untold) == WAITING_MOST
        self._untold.append(text)
        self._saying.set()

    async def _say(self) -> None:
        while True:
            await self._saying.wait()
            self._saying.clear()
            while self._untold:
                events, size = [self._untold.popleft()], 100
                size += len(events[0])
                while self._untold and size + len(self._untold[0]) < PAYLOAD:
                    events.append(self._untold.popleft())
                    size += len(events[-1]) + 1
                said = f'{{"from":{json.dumps(self._node)},"events":[{",".join(events)}]}}'
                with contextlib.suppress(Unavailable):
                    await listening.say(self._db, said, channel=CHANNEL)
                    self.told += len(events)
                await asyncio.sleep(PACE_S)

    # -- in

    def _heard(self, payload: str) -> None:
        try:
            said = json.loads(payload)
            if said["from"] == self._node:
                return
            events = [(str(topic), data) for topic, data in said["events"]]
        except (ValueError, KeyError, TypeError):
            log.warning("another node told something unreadable", size=len(payload))
            return
        self._accompanied = True
        for topic, data in events:
            self.heard_of += 1
            self._bus.publish(topic, data, foreign=True)
            self._hint(topic, data)
            if (topic == "check.stored" and self._bus.read_by_anyone("scan")) or (
                topic == "proof.stamped" and self._bus.read_by_anyone("tst")
            ):
                self._reading.append((topic, data))
                self._to_read.set()

    async def _read(self) -> None:
        while True:
            await self._to_read.wait()
            self._to_read.clear()
            while self._reading:
                topic, data = self._reading.popleft()
                with contextlib.suppress(Unavailable, ValueError, KeyError):
                    await (self._scan(data) if topic == "check.stored" else self._tokens(data))

    async def _scan(self, data: Any) -> None:
        check = await checks.get(self._db, UUID(data["uuid"]))
        if check is not None:
            self._bus.publish("scan", wire.to_item(check), foreign=True)

    async def _tokens(self, data: Any) -> None:
        stamp = await proofs.stamp_at(self._db, str(data["authority"]), int(data["checkpoint"]))
        if stamp is not None and self._tell_tokens is not None:
            await self._tell_tokens(stamp)
