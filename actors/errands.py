"""What a probe does for others: it keeps its orders, works on shared lists, and has what it saw confirmed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from xml.etree.ElementTree import Element

import structlog

from actors.probe import Work
from pumpkin.adapters import peers, stanzas
from pumpkin.adapters.https import HttpsWay
from pumpkin.adapters.orders import Orders
from pumpkin.adapters.pooling import PoolWork
from pumpkin.adapters.releases import Releases
from pumpkin.adapters.session import Session
from pumpkin.adapters.updating import Updater
from pumpkin.adapters.uplink import Uplink
from pumpkin.errors import PumpkinError, Unavailable
from pumpkin.model.agents import bare
from pumpkin.model.checks import Observation
from pumpkin.model.jobs import Job, ProbeConfig

log = structlog.get_logger("pumpkin.probe")

ASKED_MOST = 16
BY_HTTPS_S = 30.0
"""How often orders are asked for by HTTPS while there is no session."""
AGAIN_S = 2.0
CONFIRM_S = 60.0
"""How long a second look is worth waiting for a way to ask for it."""


class Errands:
    """`begin` before the session starts, `nudge` when the aggregator shows itself, `run` until cancelled."""

    def __init__(
        self,
        config: ProbeConfig,
        jid: str,
        session: Session,
        uplink: Uplink,
        way: HttpsWay,
        work: Work,
        *,
        releases: Releases | None = None,
        restart: Callable[[], None] = lambda: None,
    ) -> None:
        self._jid, self._session, self._uplink, self._way, self._work = bare(jid), session, uplink, way, work
        self._confirming: set[asyncio.Task[None]] = set()
        self._shown = asyncio.Event()
        self._orders: Orders | None = None
        self._pool: PoolWork | None = None
        self._updater: Updater | None = None
        if config.fleet_key is not None:
            self._orders = Orders(self._jid, config.fleet_key, config.may_run, work.spool, work.bench.assign)
            self._pool = PoolWork(self._jid, self._orders, self._to_aggregator, work.bench.measure, config.parallel)
            self._updater = Updater(work.spool, way, releases, changed=work.touch, restart=restart)
            work.orders = self._state

    async def begin(self) -> None:
        """Obey the kept orders, and serve what the aggregator may ask."""
        self._work.bench.seen = self._seen
        if self._orders is not None and self._pool is not None:
            if self._updater is not None:
                await self._updater.load()
            await self._orders.load()
            self._orders.serve(self._session, self._uplink.trusts)
            self._pool.serve(self._session, self._uplink.trusts)

    async def ready(self) -> None:
        """The session stands."""
        if self._updater is not None:
            await self._updater.ready()

    def _state(self) -> dict[str, Any]:
        """What the report says of orders, and of the last update they named."""
        if self._orders is None or self._updater is None:
            return {}
        said, trouble = self._orders.state(), "; ".join(filter(None, (self._orders.trouble, self._updater.trouble)))
        update = self._updater.state()
        return {**said, "trouble": trouble[:300], **({"update": update} if update else {})}

    def nudge(self) -> None:
        """The aggregator is there, anew."""
        self._shown.set()

    async def run(self) -> None:
        """Ask for orders whenever the aggregator shows itself, by HTTPS now and then while it does not."""
        try:
            if self._orders is None or self._pool is None or self._updater is None:
                await asyncio.Event().wait()
            else:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pool.run())
                    group.create_task(self._follow(self._orders, self._pool))
                    orders = self._orders
                    group.create_task(self._updater.follow(orders.taken, lambda: orders.update))
        finally:
            for task in self._confirming:
                task.cancel()

    async def _follow(self, orders: Orders, pool: PoolWork) -> None:
        pause_s = BY_HTTPS_S
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._shown.wait()
            self._shown.clear()
            pause_s = BY_HTTPS_S
            before = orders.state()
            try:
                if self._session.connected and self._uplink.seen:
                    await orders.answered(await self._uplink.ask(orders.question()))
                    pool.nudge()
                elif not self._session.connected and self._way.place is not None:
                    await self._by_https(orders)
            except Unavailable as error:
                log.debug("no orders yet", reason=error.message)
                pause_s = AGAIN_S if self._session.connected and self._uplink.seen else BY_HTTPS_S
            except PumpkinError as error:
                log.warning("orders not taken", reason=error.message)
            if orders.state() != before:
                self._work.touch()

    async def _by_https(self, orders: Orders) -> None:
        found = await self._asked_by_https(orders)
        await orders.follow((str(one["document"]), str(one["signature"])) for one in found.get("succession") or ())
        if found.get("document") and found.get("version") != orders.version:
            await orders.take(str(found["document"]), str(found.get("signature", "")))
            _ = await self._asked_by_https(orders)  # so that the server knows what runs here

    async def _asked_by_https(self, orders: Orders) -> dict[str, Any]:
        answer = await self._way.get(f"/api/v1/agents/{self._jid}/jobs?version={orders.version}")
        found: dict[str, Any] = answer["data"]
        return found

    async def _to_aggregator(self, question: Element) -> Element:
        full = self._uplink.full
        if full is None:
            raise Unavailable("The aggregator has not shown itself.")
        return await self._session.request(stanzas.iq("set", full, None, question), timeout_s=peers.ANSWER_S)

    # -- a second look

    def _seen(self, job: Job, seen: Observation, before: str | None) -> None:
        if peers.wanted(job, seen, before) and len(self._confirming) < ASKED_MOST:
            task = asyncio.get_running_loop().create_task(self._confirm(job, seen))
            self._confirming.add(task)
            task.add_done_callback(self._confirming.discard)

    async def _confirm(self, job: Job, seen: Observation) -> None:
        way, answers = "", list[dict[str, Any]]()
        end = asyncio.get_running_loop().time() + CONFIRM_S
        while not answers:
            try:
                post = self._way.post if self._way.place is not None else None
                way, answers = await peers.ask(peers.question(job, seen), self._to_aggregator, post)
                break
            except Unavailable as error:  # neither way is open yet, as at a start
                if asyncio.get_running_loop().time() > end:
                    answers = peers.failed(error)
            except PumpkinError as error:
                answers = peers.failed(error)
            await asyncio.sleep(AGAIN_S / 4)
        found = replace(peers.confirmation(self._jid, job, seen, way, answers), after=self._uplink.checkpoint or None)
        try:
            await self._work.spool.append(self._work.sign(found))
        except PumpkinError as error:
            log.error("confirmation not kept", job=job.name, reason=error.message)
