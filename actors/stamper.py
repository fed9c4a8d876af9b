"""One time-stamp authority's series: a verified token over everything sealed since its last one.

One request is out at a time. A new checkpoint is stamped at once when none is out, else with all others that came
meanwhile; after an outage of the authority or of this process one token over the newest checkpoint covers everything
missed (rulings.md 7). Sealing and storing never wait for it.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import structlog

from actors.base import LoopActor, describe
from actors.exchange import Ask, Capture, Exchange, NoToken, Series, nothing_captured
from pumpkin.bus import Bus
from pumpkin.errors import Unavailable
from pumpkin.evidence import checkpoint, groups, tsp
from pumpkin.model import wire
from pumpkin.model.proofs import Checkpoint, Stamp
from pumpkin.store import proofs, sealing
from pumpkin.store.database import Database

RECHECK_S = 2.0  # how often the store is asked for checkpoints nobody told of
AWAY_S = 0.5  # pause while the database is away
STANDBY_S = 0.25  # how often an authority in reserve looks whether it is needed
HEADS = 10_000  # checkpoints remembered while an authority is away; past that the store is read
TELL_AT_ONCE = 100  # `tst` events published before others on the loop get their turn

__all__ = ["Series", "Stamper"]

log = structlog.get_logger("pumpkin.stamper")


class Stamper(LoopActor):
    """Gets, verifies and stores the tokens of one authority.

    `ask(query)` exchanges DER (TsaError when it fails); `returned()` is called whenever no request is out any more.
    `sealed` is called on the loop with each new checkpoint: a hint that never waits. `busy` is true from the first step
    for a token until it is stored, and false while the authority is left alone after a failure. `needed()` says whether
    this authority is to be asked now or kept in reserve; `capture(chain)` asks its issuers about revocation. A node
    that is not `leading()` asks nobody and follows what the leading one stores."""

    def __init__(
        self,
        db: Database,
        bus: Bus,
        series: Series,
        *,
        ask: Ask,
        returned: Callable[[], None] = lambda: None,
        needed: Callable[[], bool] = lambda: True,
        leading: Callable[[], bool] = lambda: True,
        capture: Capture = nothing_captured,
        now: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        super().__init__()
        self._db, self._bus, self._series, self._needed, self._leading = db, bus, series, needed, leading
        self._exchange, self._returned, self._now = Exchange(series, ask, now, capture), returned, now
        self._heads: list[Checkpoint] = []  # sealed since the last stamp, as far as we were told
        self._head: Checkpoint | None = None
        self._stamped = 0  # size of the tree under the last stamp
        self._last: Stamp | None = None
        self._token: str | None = None
        self._changed = asyncio.Event()
        self.busy = False

    # -- hints and what others read

    def sealed(self, head: Checkpoint) -> None:
        """A checkpoint is in the store."""
        if self._head is None or head.size > self._head.size:
            self._head = head
            if len(self._heads) < HEADS:
                self._heads.append(head)
            self.busy = self.busy or (self._exchange.open and self._needed())
            self._changed.set()

    def wake(self) -> None:
        """This node leads now, or whoever leads has stored a stamp: look at the store."""
        self._changed.set()

    @property
    def token(self) -> str | None:
        """The line that names the newest token in a checkpoint; None while the time it says is still to come, as it
        would bound nothing."""
        return self._token if self.ahead_s <= 0 else None

    @property
    def ahead_s(self) -> float:
        """How far the time of the newest stamp lies ahead of our clock, in seconds: one of both was put wrong."""
        return (self._last.gen_time - self._last.accuracy - self._now()) / 1e6 if self._last else 0.0

    @property
    def exchange(self) -> Exchange:
        """How the authority is doing, to be read only."""
        return self._exchange

    def status(self) -> dict[str, Any]:
        """The authority as pages show it; `state` is ok, failing (no usable answer), refusing (an answer that does
        not verify) or reserve (well, and not needed), `last_error` the code of the last failure, `pending` the sealed
        checks without its token, `offset_s` how far its clock is ahead of ours, `next_in_s` when it is asked again."""
        last, exchange = self._last, self._exchange
        waits_s = exchange.next_s - asyncio.get_running_loop().time()
        return {
            "name": self._series.name,
            "url": self._series.url,
            "state": "reserve" if exchange.state == "ok" and not self._needed() else exchange.state,
            "since": wire.rfc3339(exchange.since),
            "last_error": exchange.error or None,
            "detail": exchange.detail or None,
            "failures": exchange.failures,
            "next_in_s": round(max(0.0, waits_s), 1),
            "offset_s": None if exchange.clock is None else round(exchange.clock.offset / 1e6, 3),
            "last_stamp": None if last is None else {"size": last.size, "gen_time": wire.rfc3339(last.gen_time)},
            "pending": max(0, (self._head.size if self._head else 0) - self._stamped),
            "self_asserted": self._series.self_asserted,
        }

    # -- its life

    async def on_start(self) -> None:
        await self._load()
        self._stamping = self.spawn(self._run(), f"stamper {self._series.name}")

    def release(self) -> None:
        self.busy = False
        with contextlib.suppress(Unavailable):  # the sealer is being restarted: it will look itself
            self._returned()

    async def _load(self) -> None:
        """Go on from the store. A stamp found there may not have been told of (this actor ended, or the database went,
        after its commit), so it is told now: once too often rather than never."""
        stamp = await proofs.latest_stamp(self._db, self._series.name)
        told = self._last is not None and stamp is not None and stamp.size <= self._last.size
        self._keep(stamp)
        if stamp is not None and not told and self._leading():
            self._announce(stamp)
        self._heads = [one for one in self._heads if one.size > self._stamped]
        head = await proofs.latest_checkpoint(self._db)
        if head is not None and (self._head is None or head.size > self._head.size):
            self._head = head

    def _keep(self, stamp: Stamp | None) -> None:
        self._last, self._stamped = stamp, stamp.size if stamp else 0
        self._token = None
        if stamp is not None:
            try:
                self._token = checkpoint.newest_token(tsp.token_of(stamp.response))
            except ValueError:  # it was edited in the database; an audit says so, and stamping goes on
                log.error("the newest stamp holds no token", authority=self._series.name, stamp=stamp.id)

    async def _run(self) -> None:
        while True:
            head = await self._due()
            self.busy = self._exchange.open  # one that failed last time holds no seal up
            try:
                await self._stamp(head)
            except NoToken:
                pass  # kept and shown by the exchange; asked again when it is due
            except Unavailable as error:
                log.warning("database away, not stamping", authority=self._series.name, reason=describe(error))
                await self._until_back()
            finally:
                self.release()

    async def _until_back(self) -> None:
        """Until the database answers; a commit whose answer was lost may have happened, so its word counts."""
        self.busy = False
        while True:
            await asyncio.sleep(AWAY_S)
            with contextlib.suppress(Unavailable):
                await self._load()
                return

    async def _due(self) -> Checkpoint:
        """The newest checkpoint, once there is one without our token and the authority may be asked."""
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            if not self._leading():
                await self._follow()
                continue
            left = self._exchange.next_s - loop.time()
            head = self._head
            if head is not None and head.size > self._stamped:
                if not self._needed():
                    self.busy = False
                    await asyncio.sleep(STANDBY_S)
                elif left <= 0:
                    return head
                else:
                    await asyncio.sleep(left)
            else:
                self.busy = False
                await self._hint()

    async def _follow(self) -> None:
        """Until the leading node may have stamped, or this one leads: then the store says from where."""
        self.busy = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RECHECK_S):
                await self._changed.wait()
        with contextlib.suppress(Unavailable):
            await self._load()

    async def _hint(self) -> None:
        """Until something was sealed; one hint may be missed while this actor is restarted, so the store is asked."""
        try:
            async with asyncio.timeout(RECHECK_S):
                await self._changed.wait()
        except TimeoutError:
            with contextlib.suppress(Unavailable):
                await self._load()

    # -- one token

    async def _stamp(self, head: Checkpoint) -> None:
        start, size = self._stamped, head.size
        anchor = groups.anchor(head.note, groups.group_root(await self._group_roots(start, size)))
        answer = await self._exchange.token(anchor)
        stamp = Stamp(
            id=0,
            authority=self._series.name,
            start=start,
            size=size,
            anchor=anchor,
            query=answer.query,
            response=answer.response,
            chain=answer.verdict.chain,
            gen_time=answer.gen_time,
            accuracy=answer.verdict.accuracy or 0,
            self_asserted=self._series.self_asserted,
            revocation=dict(answer.revocation),
        )
        await proofs.add_stamp(self._db, stamp)
        self._keep(stamp)
        self._heads = [one for one in self._heads if one.size > size]
        self._announce(stamp)

    async def _group_roots(self, start: int, size: int) -> list[bytes]:
        """The group roots of all checkpoints after `start` up to `size`, in order."""
        heads = [one for one in self._heads if start < one.size <= size]
        whole = heads and heads[0].start == start and heads[-1].size == size
        if not whole or any(a.size != b.start for a, b in pairwise(heads)):
            heads = list(await proofs.checkpoints(self._db, start, size))
        return [one.group_root for one in heads]

    # -- afterwards

    def _announce(self, stamp: Stamp) -> None:
        self._bus.publish(
            "proof.stamped",
            {
                "checkpoint": stamp.size,
                "authority": stamp.authority,
                "gen_time": wire.rfc3339(stamp.gen_time),
                "checks": stamp.size - stamp.start,
                "first": stamp.start,
                "last": stamp.size - 1,
            },
        )
        if self._bus.read_by_anyone("tst"):
            self._telling = self.spawn(self.tell(stamp), "tst")

    async def tell(self, stamp: Stamp) -> None:
        """Topic `tst`: JSON text with the token, one a check, while anyone reads it (rulings.md 29)."""
        token = base64.b64encode(tsp.token_of(stamp.response)).decode()
        for start in range(stamp.start, stamp.size, TELL_AT_ONCE):
            if not self._bus.read_by_anyone("tst"):
                return
            try:
                found = await sealing.ids(self._db, start, min(start + TELL_AT_ONCE, stamp.size))
            except Unavailable as error:
                log.warning("tokens not told", authority=stamp.authority, reason=describe(error))
                return
            for uuid in found:
                self._bus.publish("tst", json.dumps({"tst": token, "scan_uuid": str(uuid)}))
