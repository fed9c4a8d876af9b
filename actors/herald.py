"""Tells webhooks that their analysis ended, as often as it takes, whichever process saw the end.

Who is to be told stands in PostgreSQL from the submission on, so a kill loses none: what was under way is told again
when its lease has lapsed. A receiver may so hear one delivery twice; its id is the same.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog

from actors.base import LoopActor
from pumpkin.bus import Bus
from pumpkin.errors import Unavailable
from pumpkin.store import webhooks
from pumpkin.store.database import Database
from pumpkin.store.webhooks import Due

LOOK_S = 5.0
LEASE_S = 20.0  # twice what one telling may take
AT_ONCE = 8
PAUSES_S = (5.0, 30.0, 300.0, 1_800.0, 7_200.0)  # after the first, second, ... failure; then it is given up

Tell = Callable[[str, Mapping[str, Any], str], Awaitable[str]]
log = structlog.get_logger("pumpkin.herald")


class Herald(LoopActor):
    """`tell(url, body, delivery)` answers told, failed or forbidden, within LEASE_S."""

    def __init__(
        self, db: Database, bus: Bus, tell: Tell, *, pauses_s: Sequence[float] = PAUSES_S, lease_s: float = LEASE_S
    ) -> None:
        super().__init__()
        self._db, self._bus, self._tell = db, bus, tell
        self._pauses_s, self._lease_s = pauses_s, lease_s
        self._woken = asyncio.Event()
        self.told = self.given_up = 0

    async def on_start(self) -> None:
        _ = self.spawn(self._listen(), name="ends of tasks")
        _ = self.spawn(self._look(), name="webhooks")

    def wake(self) -> None:
        """Somebody may have to be told."""
        self._woken.set()

    async def _listen(self) -> None:
        while True:
            subscription = self._bus.subscribe(["task.moved"])
            try:
                async for event in subscription:
                    if event.data.get("status") in ("completed", "failed"):
                        self._woken.set()
            finally:
                subscription.close()
            self._woken.set()  # overrun: what was not heard may have been an end

    async def _look(self) -> None:
        while True:
            self._woken.clear()
            with contextlib.suppress(Unavailable):  # the next look is soon
                while found := await webhooks.claim(self._db, lease_s=self._lease_s, most=AT_ONCE):
                    await asyncio.gather(*map(self._one, found))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), LOOK_S)

    async def _one(self, due: Due) -> None:
        with contextlib.suppress(Unavailable):  # what cannot be noted is told again when the lease has lapsed
            await self._told(due)

    async def _told(self, due: Due) -> None:
        came = await self._tell(due.url, due.body, str(due.id))
        if came == "told":
            self.told += 1
        elif came == "failed" and due.tries <= len(self._pauses_s):
            await webhooks.again(self._db, due, self._pauses_s[due.tries - 1])
            return
        else:
            self.given_up += 1
            log.warning("a webhook is given up", task=due.task, tries=due.tries, why=came)
        await webhooks.done(self._db, due)
