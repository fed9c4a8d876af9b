"""Keeps what modules want and no log has (presence, faults, authorities), and wakes modules when there is something.

An event is kept as soon as it was told, many at a time; what every module is past is dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Any

import structlog

from actors.base import LoopActor
from pumpkin.bus import Bus, Event
from pumpkin.errors import Unavailable
from pumpkin.store import deliveries, notices
from pumpkin.store.database import Database

TIDY_S = 60.0
AGAIN_S = 1.0
HELD_MOST = 100_000
AT_ONCE = 500
_HEARD = {
    "presence.changed": "presence.changed",
    "log.fault": "log.fault",
    "alert.raised": "authority.alert",
    "alert.resolved": "authority.alert",
}

log = structlog.get_logger("pumpkin.modules")


class Clerk(LoopActor):
    """`topics` are the events to keep, `readers` the modules that want any; `wake(name)` wakes one module, `wake("")`
    all."""

    def __init__(
        self,
        db: Database,
        bus: Bus,
        *,
        topics: Collection[str],
        readers: Sequence[str],
        wake: Callable[[str], None],
        leading: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__()
        self._leading = leading
        self._db, self._bus, self._wake = db, bus, wake
        self._topics, self._readers = frozenset(topics), list(readers)
        self._held: deque[tuple[str, int, dict[str, Any]]] = deque()
        self._arrived = asyncio.Event()

    async def on_start(self) -> None:
        _ = self.spawn(self._hear(), "events for modules")
        _ = self.spawn(self._keep(), "keeping events for modules")
        _ = self.spawn(notices.listen(self._db, deliveries.CHANNEL, self._asked, self._caught_up), "asked of modules")
        if self._readers:
            self.every(TIDY_S, "tidy")

    async def on_receive(self, message: Any) -> Any:
        with contextlib.suppress(Unavailable):
            for name in await deliveries.tidy_events(self._db, self._readers):
                log.error("a module lost the oldest events that waited for it", module=name)

    async def on_stop(self) -> None:
        with contextlib.suppress(Unavailable):
            await self._write()

    async def _asked(self, name: str) -> None:
        self._wake(name)

    async def _caught_up(self) -> None:
        self._wake("")

    async def _hear(self) -> None:
        wanted = [topic for topic, kept in _HEARD.items() if kept in self._topics]
        while True:
            subscription = self._bus.subscribe(["check.sealed", "proof.stamped", *wanted], limit=10_000)
            try:
                async for event in subscription:
                    if event.topic in ("check.sealed", "proof.stamped"):
                        self._wake("")
                    else:
                        self._take(event)
            finally:
                subscription.close()
            log.error("events came faster than they can be kept for modules; some are lost")

    def _take(self, event: Event) -> None:
        if not self._leading():
            return  # the leader hears of it, too, and keeps it once
        topic = _HEARD[event.topic]
        if topic == "authority.alert" and not event.data.get("authority"):
            return  # a rule's alert: it is in the log
        data = {**event.data, "resolved": True} if event.topic == "alert.resolved" else dict(event.data)
        if len(self._held) >= HELD_MOST:
            self._held.popleft()
            log.error("the database is away for so long that events for modules are lost")
        self._held.append((topic, int(event.time.timestamp() * 1e6), data))
        self._arrived.set()

    async def _keep(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            try:
                await self._write()
            except Unavailable:
                await asyncio.sleep(AGAIN_S)
                self._arrived.set()

    async def _write(self) -> None:
        while self._held:
            some = [self._held[n] for n in range(min(AT_ONCE, len(self._held)))]
            await deliveries.add_events(self._db, some)
            for _ in some:
                self._held.popleft()
            self._wake("")
