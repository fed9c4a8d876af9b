"""Tokens of a check's own, over its payload alone (the SCANDALE way), where the probe or the request asked for one.

What is still to do stands in the store: checks that want a token and have none. So nothing is lost with this actor, and
an authority that was away is asked for all that waited, one after the other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import structlog

from actors.base import LoopActor, describe
from actors.exchange import Ask, Exchange, NoToken, Series
from pumpkin.errors import Unavailable
from pumpkin.evidence import tsp
from pumpkin.store import proofs, sealing
from pumpkin.store.database import Database

PAGE = 20  # payloads held at a time
RECHECK_S = 2.0  # how often the store is asked for checks nobody told of
AWAY_S = 0.5  # pause while the database is away

log = structlog.get_logger("pumpkin.notary")


class Notary(LoopActor):
    """Gets direct tokens from one authority, while this node is `leading()`. `wake` is called on the loop when a check
    that wants one was stored."""

    def __init__(
        self,
        db: Database,
        series: Series,
        *,
        ask: Ask,
        leading: Callable[[], bool] = lambda: True,
        now: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        super().__init__()
        self._db, self._series, self._now, self._leading = db, series, now, leading
        self._exchange = Exchange(series, ask, now)
        self._start = 0  # before this place every check has what it wants
        self._changed = asyncio.Event()
        self.issued = 0

    def wake(self) -> None:
        """A check that wants a token of its own is in the store."""
        self._changed.set()

    def status(self) -> dict[str, Any]:
        """How it goes: the authority, its state, the last failure's code, tokens got since the start."""
        return {
            "name": self._series.name,
            "state": self._exchange.state,
            "last_error": self._exchange.error or None,
            "issued": self.issued,
        }

    async def on_start(self) -> None:
        self._working = self.spawn(self._run(), "notary")

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            if not self._leading():
                await self._hint()
                continue
            try:
                done = await self._work()
            except NoToken:
                await asyncio.sleep(self._exchange.next_s - loop.time())
            except Unavailable as error:
                log.warning("database away, no direct tokens", reason=describe(error))
                await asyncio.sleep(AWAY_S)
            else:
                if done:
                    await self._hint()

    async def _work(self) -> bool:
        """One page of checks; True when there are no more for now."""
        waiting = await sealing.direct(self._db, self._start, PAGE)
        for seq, check, payload in waiting:
            await self._issue(check, payload)
            self._start = seq + 1
        return len(waiting) < PAGE

    async def _issue(self, check: UUID, payload: bytes) -> None:
        pause_s = self._exchange.next_s - asyncio.get_running_loop().time()
        if pause_s > 0:
            await asyncio.sleep(pause_s)
        answer = await self._exchange.token(payload)
        token = proofs.Token(
            check_id=check,
            token=tsp.token_of(answer.response),
            gen_time=answer.gen_time,
            accuracy=answer.verdict.accuracy or 0,
            tsa=answer.verdict.tsa or self._series.name,
            stored=self._now(),
        )
        if await proofs.add_token(self._db, token):
            self.issued += 1

    async def _hint(self) -> None:
        try:
            async with asyncio.timeout(RECHECK_S):
                await self._changed.wait()
        except TimeoutError:
            return
