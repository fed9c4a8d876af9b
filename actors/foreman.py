"""Gives probes their orders: makes each one's signed document of what is assigned, delivers it, and leases shared jobs.

An order is made anew when an assignment or an agent's place (tags, duties, site, state) changed, whoever changed it; it
is pushed to who is here, and asked for by who comes back. What an agent says it runs is kept beside it: that is drift.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID
from xml.etree.ElementTree import Element, SubElement

import structlog

from actors.base import LoopActor, describe
from pumpkin.adapters import stanzas
from pumpkin.adapters.orders import SUCCESSION
from pumpkin.adapters.orders import TAG as JOBS
from pumpkin.adapters.pooling import POOL
from pumpkin.adapters.pooling import TAG as POOLED
from pumpkin.adapters.stanzas import name
from pumpkin.bus import Bus
from pumpkin.errors import Conflict, InvalidRequest, PumpkinError, Unavailable
from pumpkin.evidence import orders
from pumpkin.evidence.orders import FleetKey
from pumpkin.model.assignments import order_jobs
from pumpkin.model.updates import read_said
from pumpkin.model.wire import rfc3339
from pumpkin.store import agents, assignments, notices, pools, updates
from pumpkin.store.assignments import Order, Placed
from pumpkin.store.database import Database

log = structlog.get_logger("pumpkin.foreman")

GATHER_S = 0.05
LOOK_S = 30.0
PUSHES = 50
TAKEN_MOST = 64
SAFE_INTEGER = 2**53 - 1
NOT_SERVED = ("service-unavailable", "feature-not-implemented")

Reach = Callable[[str, Element], Awaitable[Element]]


class Foreman(LoopActor):
    """`links` are the successions that led to `key`, for probes that obey an earlier one. `reach(jid, question)` sends
    an IQ set to an agent; `here()` are the bare JIDs available now. `orders`, `pooled` and `reported` are called on the
    loop."""

    def __init__(
        self,
        db: Database,
        bus: Bus,
        key: FleetKey,
        *,
        reach: Reach,
        here: Callable[[], Iterable[str]],
        links: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__()
        self._links = links
        self._db, self._bus, self._key, self._reach, self._here = db, bus, key, reach, here
        self._dirty: set[str] = set()
        self._all = True
        self._wake = asyncio.Event()
        self._making = asyncio.Lock()
        self._pushes = asyncio.Semaphore(PUSHES)

    # -- what others call

    async def orders(self, jid: str, held: int) -> Order | None:
        """The newest order of an approved agent that holds version `held`; None when there never was one."""
        await self._make([jid], held={jid: held})
        return await assignments.order(self._db, jid)

    async def answer_jobs(self, iq: Element, jid: str) -> Element:
        """The answer to `<jobs version/>` of `jid`: its order, or only the version where it holds the newest."""
        given = iq[0].get("version", "0")
        held = int(given) if given.isascii() and given.isdigit() and len(given) < 16 else 0
        found = await self.orders(jid, held)
        theirs = iq[0].get("key", "")
        links = self._links if theirs not in ("", self._key.public) else ()
        return stanzas.result(iq, _jobs(found if found is not None and found.version != held else None, held, links))

    async def answer_pool(self, iq: Element, jid: str) -> Element:
        """The answer to `<pool take|hold|done/>` of `jid`."""
        asked = iq[0]
        if "take" in asked.keys():  # noqa: SIM118 - an element is no mapping
            most = min(_whole(asked.get("take", "")), TAKEN_MOST)
            agent = await agents.get(self._db, jid)
            taken = await pools.take(self._db, jid, agent.duties if agent else (), most) if most else []
            answer = Element(POOLED)
            for row in taken:
                job = {**row["job"], "name": f"{str(row['job'].get('name') or row['pool'])[:80]}@{row['id']}"}
                text, signature = self._key.sign(orders.POOL, {"agent": jid, "id": row["id"], "job": job})
                SubElement(answer, name("job", POOL), {"signature": signature}).text = text
            return stanzas.result(iq, answer)
        if "hold" in asked.keys():  # noqa: SIM118
            held = await pools.hold(self._db, jid, _whole(asked.get("hold", "")))
        else:
            held = await pools.done(
                self._db, jid, _whole(asked.get("done", "")), _uuid(asked.get("check", "")), asked.get("status", "")
            )
            self._bus.publish("job.changed", {"agent": jid, "shared": True})
        if not held:
            raise Conflict("This job is not leased to this agent (any more).")
        return stanzas.result(iq)

    async def reported(self, jid: str, document: Mapping[str, Any]) -> None:
        """An agent's report says which order it runs."""
        said = document.get("orders")
        if not isinstance(said, Mapping):
            return
        version, digest, trouble = said.get("version"), str(said.get("digest", ""))[:64], str(said.get("trouble", ""))
        if isinstance(version, int) and 0 <= version <= SAFE_INTEGER:
            await assignments.runs(self._db, jid, version, digest, trouble[:1_000].replace("\x00", "\ufffd"))
            if (told := read_said(said.get("update"))) is not None:
                await updates.said(self._db, jid, told)
            self._bus.publish("job.changed", {"agent": jid, "version": version})

    # -- its life

    async def on_start(self) -> None:
        _ = self.spawn(notices.listen(self._db, "pumpkin_fleet", self._heard, self._look), "foreman listening")
        _ = self.spawn(self._work(), "foreman")

    async def _heard(self, jid: str) -> None:
        if jid:
            self._dirty.add(jid)
        else:
            self._all = True
        self._wake.set()

    async def _look(self) -> None:
        await self._heard("")

    async def _work(self) -> None:
        while True:
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._wake.wait()
            except TimeoutError:
                self._all = True
            self._wake.clear()
            await asyncio.sleep(GATHER_S)  # many changes of one moment make one order
            wanted, self._dirty = (None if self._all else self._dirty), set()
            self._all = False
            try:
                made = await self._make(wanted)
                here = set(self._here())
                duties = await pools.open_duties(self._db)
                for jid in made:
                    if jid in here:
                        _ = self.spawn(self._push(jid), "foreman push")
                if duties:
                    await self._tell_of_work(duties, here)
            except Unavailable as error:
                log.warning("orders wait", reason=describe(error))
                self._all = True
                await asyncio.sleep(1.0)

    async def _make(self, jids: Iterable[str] | None, held: Mapping[str, int] = {}) -> list[str]:
        """Orders for these agents (None: all) where what is assigned differs from their last; who got a new one."""
        async with self._making:
            standing = await assignments.standing(self._db)
            placed: list[Placed] = []
            if jids is None:
                placed = await assignments.placed(self._db)
            else:
                for jid in jids:
                    placed += await assignments.placed(self._db, jid)
            made = []
            for one in placed:
                jobs = order_jobs(standing, one.jid, one.tags, one.duties, one.site)
                ahead = max(held.get(one.jid, 0), one.running or 0)
                update = one.update.as_json() if one.update else None
                if (one.version == 0 and not jobs and not ahead and update is None) or (
                    one.version >= ahead and orders.same_content(one.document, jobs, update)
                ):
                    continue
                # Past what the agent holds: it takes nothing older, and a restored backup knows less than it.
                version = max(one.version, min(ahead, SAFE_INTEGER - 1)) + 1
                document = {
                    "agent": one.jid,
                    "version": version,
                    "issued": rfc3339(time.time_ns() // 1_000),
                    "jobs": jobs,
                    **({"update": update} if update else {}),
                }
                text, signature = self._key.sign(orders.JOBS, document)
                await assignments.put_order(self._db, Order(one.jid, version, text, signature, time.time_ns() // 1_000))
                log.info("order made", agent=one.jid, version=version, jobs=len(jobs))
                made.append(one.jid)
        for jid in made:
            self._bus.publish("job.changed", {"agent": jid})
        return made

    async def _push(self, jid: str) -> None:
        async with self._pushes:
            try:
                found = await assignments.order(self._db, jid)
                if found is None:
                    return
                answer = (await self._reach(jid, _jobs(found, found.version, self._links))).find(JOBS)
                if answer is not None:
                    await assignments.runs(
                        self._db, jid, _whole(answer.get("version", "")), answer.get("digest", "")[:64], ""
                    )
                    self._bus.publish("job.changed", {"agent": jid, "version": found.version})
            except Unavailable as error:  # it asks when it comes back
                log.info("order waits", agent=jid, reason=error.message)
            except PumpkinError as error:
                log.warning("order not taken", agent=jid, reason=error.message)
                unknown = isinstance(error, stanzas.StanzaError) and error.condition in NOT_SERVED
                why = "It takes no orders: its own file names no fleet_key." if unknown else error.message
                await assignments.trouble(self._db, jid, why[:1_000])
                self._bus.publish("job.changed", {"agent": jid})

    async def _tell_of_work(self, duties: set[str], here: set[str]) -> None:
        for one in await assignments.placed(self._db):
            if one.jid in here and duties.intersection(one.duties):
                _ = self.spawn(self._nudge(one.jid), "foreman nudge")

    async def _nudge(self, jid: str) -> None:
        async with self._pushes:
            try:
                await self._reach(jid, Element(POOLED))
            except PumpkinError as error:
                log.debug("not told of work", agent=jid, reason=error.message)


def _jobs(found: Order | None, held: int, links: Iterable[tuple[str, str]]) -> Element:
    element = Element(JOBS, {"version": str(held)})
    for text, signature in links:
        SubElement(element, SUCCESSION, {"signature": signature}).text = text
    if found is not None:
        element.set("version", str(found.version))
        element.set("signature", found.signature)
        element.text = found.document
    return element


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 17):
        raise InvalidRequest("A number is missing.")
    return int(text)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidRequest("The check is not named by a UUID.") from None
