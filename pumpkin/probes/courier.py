"""Carries what waits in a spool to the aggregator, in order, until each check is acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from pumpkin.errors import Conflict, InvalidRequest, PayloadTooLarge, PumpkinError, Unavailable
from pumpkin.probes.spool import Spool, Waiting

log = structlog.get_logger("pumpkin.probe")

Deliver = Callable[[dict[str, Any]], Awaitable[None]]
WINDOW = 32
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 60.0
LOUD_AFTER = 3  # failures in a row; the first try of a start often comes before the connection
FOR_EVER = (InvalidRequest, Conflict, PayloadTooLarge)


class Courier:
    """`deliver` takes one native body and returns when it is durably stored; it raises a PumpkinError otherwise.

    InvalidRequest, Conflict and PayloadTooLarge are for ever: the check is set aside. All else is tried again, the
    whole window in order, with back-off and jitter. `trouble` is the last error while delivery is failing.
    """

    def __init__(self, spool: Spool, deliver: Deliver, *, window: int = WINDOW) -> None:
        self._spool, self._deliver, self._window = spool, deliver, window
        self._nudged = asyncio.Event()
        self._ending = False
        self._failed, self._loud = 0, False
        self._ended = asyncio.Event()
        self.delivered = 0
        self.trouble: str | None = None

    def nudge(self) -> None:
        """The way may be free again (connected, approved): do not wait for the back-off to end."""
        self._nudged.set()

    async def run(self) -> None:
        """Until ended or cancelled."""
        pause_s = FIRST_PAUSE_S
        while not self._ending:
            self._spool.arrived.clear()
            try:
                batch = await self._spool.batch(self._window)
                if not batch:
                    await self._spool.arrived.wait()
                    continue
                done = await self._send(batch)
            except Unavailable as error:  # the probe's own disk
                self._note(error)
                done = False
            if done:
                pause_s = FIRST_PAUSE_S
            else:
                await self._rest(pause_s * random.uniform(0.5, 1.5))
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        self._ended.set()

    async def end(self, deadline_s: float = 5.0) -> None:
        """Let what is on its way arrive and be noted; nothing more is sent."""
        self._ending = True
        self._spool.arrived.set()
        self.nudge()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline_s):
                await self._ended.wait()

    async def _send(self, batch: list[Waiting]) -> bool:
        """Send one window at once; True when every check of it is settled."""
        answers = await asyncio.gather(*(self._one(waiting) for waiting in batch))
        settled = [waiting.n for waiting, error in zip(batch, answers, strict=True) if error is None]
        if settled:
            await self._spool.acknowledge(settled)
            self.delivered += len(settled)
        faults = [error for error in answers if error is not None]
        for waiting, error in zip(batch, answers, strict=True):
            if isinstance(error, FOR_EVER):
                log.warning("check refused for ever", id=waiting.id, code=error.code, reason=error.message)
                await self._spool.set_aside(waiting.n, error.code, error.message)
        passing = [error for error in faults if not isinstance(error, FOR_EVER)]
        self._note(passing[0] if passing else None)
        return not passing

    async def _one(self, waiting: Waiting) -> PumpkinError | None:
        try:
            await self._deliver(waiting.body)
        except PumpkinError as error:
            return error
        return None

    def _note(self, error: PumpkinError | None) -> None:
        trouble = error.message if error is not None else None
        self._failed = self._failed + 1 if trouble else 0
        if trouble and self._failed == LOUD_AFTER:
            log.warning("delivery waits", reason=trouble)
        elif self._loud and not trouble:
            log.info("delivery goes on")
        self._loud = self._failed >= LOUD_AFTER
        self.trouble = trouble

    async def _rest(self, pause_s: float) -> None:
        self._nudged.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0 if self._ending else pause_s):
                await self._nudged.wait()
