"""A probe's part in shared lists of jobs: it takes what it has room for, runs it, and says that it is done.

`<pool xmlns="urn:pumpkin:pool:0" take="N"/>` to the aggregator is answered by jobs, each a signed document with a
lease; `hold="ID"` prolongs one, `done="ID" check status` ends it. The aggregator says `<pool/>` when there is work.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any
from xml.etree.ElementTree import Element

import structlog

from pumpkin.adapters import stanzas
from pumpkin.adapters.orders import Orders
from pumpkin.adapters.session import Session
from pumpkin.adapters.stanzas import name
from pumpkin.errors import Forbidden, PumpkinError
from pumpkin.evidence import orders as documents
from pumpkin.model.agents import bare
from pumpkin.model.checks import Observation
from pumpkin.model.jobs import Job

log = structlog.get_logger("pumpkin.probe")

POOL = "urn:pumpkin:pool:0"
TAG = name("pool", POOL)
LOOK_S = 60.0
HOLD_S = 20.0
AGAIN_S = 2.0
TELL_TRIES = 10

Ask = Callable[[Element], Awaitable[Element]]


class PoolWork:
    """Works for a probe under `orders`, at most `most` jobs at once. `ask(question)` is an IQ set to the aggregator;
    `measure(job)` runs one and keeps its check."""

    def __init__(
        self, agent: str, orders: Orders, ask: Ask, measure: Callable[[Job], Awaitable[Observation]], most: int
    ) -> None:
        self._agent, self._orders = bare(agent), orders
        self._ask, self._measure, self._most = ask, measure, most
        self._wake = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()

    def nudge(self) -> None:
        """There may be work, or the way to it stands anew."""
        self._wake.set()

    def serve(self, session: Session, trusts: Callable[[str], bool]) -> None:
        """Be told by the aggregator that there is work."""

        async def told(iq: Element) -> Element:
            if not trusts(iq.get("from", "").partition("/")[0].casefold()):
                raise Forbidden("This agent works for its aggregator only.")
            self.nudge()
            return stanzas.result(iq)

        session.features.add(POOL)
        session.serve("set", TAG, told)

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await self._wake.wait()
                self._wake.clear()
                with contextlib.suppress(PumpkinError):  # away: the next session nudges
                    while (room := self._most - len(self._running)) > 0 and await self._take(room):
                        pass
        finally:
            for task in self._running:
                task.cancel()

    async def _take(self, room: int) -> int:
        answer = await self._ask(Element(TAG, {"take": str(room)}))
        found = answer.find(TAG)
        given = list(found)[:room] if found is not None else []
        for one in given:
            task = asyncio.get_running_loop().create_task(self._work(one.text or "", one.get("signature", "")))
            self._running.add(task)
            task.add_done_callback(self._ended)
        return len(given)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            if error := task.exception():
                log.error("shared job failed", exc_info=error)
            self.nudge()

    async def _work(self, text: str, signature: str) -> None:
        try:
            document = documents.read(documents.POOL, text, signature, self._orders.key)
            if document.get("agent") != self._agent:
                raise Forbidden("The job is leased to another agent.")
            job = self._orders.fitting(document["job"])
        except PumpkinError as error:  # its lease lapses, and another takes it
            log.warning("shared job not run", reason=error.message)
            return
        ident = str(document["id"])
        holding = asyncio.get_running_loop().create_task(self._hold(ident))
        try:
            seen = await self._measure(job)
        finally:
            holding.cancel()
        said = {"done": ident, "check": str(seen.id), "status": str(seen.detail.get("status", ""))}
        await self._say(Element(TAG, said))

    async def _hold(self, ident: str) -> None:
        while True:
            await asyncio.sleep(HOLD_S)
            with contextlib.suppress(PumpkinError):
                _: Any = await self._ask(Element(TAG, {"hold": ident}))

    async def _say(self, said: Element) -> None:
        """Tried for a while; when it cannot be said, another does the job once more."""
        for _ in range(TELL_TRIES):
            try:
                await self._ask(said)
                return
            except PumpkinError as error:
                log.debug("not told yet", reason=error.message)
            await asyncio.sleep(AGAIN_S)
