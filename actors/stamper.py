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
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from itertools import pairwise
from typing import Any

import structlog

from actors.base import LoopActor, describe
from pumpkin.bus import Bus
from pumpkin.errors import TsaError, TsaTimeout, Unavailable
from pumpkin.evidence import groups, tsp
from pumpkin.model import wire
from pumpkin.model.proofs import Checkpoint, Stamp, Verdict
from pumpkin.store import proofs, sealing
from pumpkin.store.database import Database

THREAD_S = 0.001  # a verification that took longer runs in a thread from then on
RECHECK_S = 2.0  # how often the store is asked for checkpoints nobody told of
WINDOW_US = 10_000_000  # how far genTime may lie outside the exchange by our clock, besides its accuracy
TELL_AT_ONCE = 100  # `tst` events published before others on the loop get their turn

log = structlog.get_logger("pumpkin.stamper")


class Refused(Exception):
    """The authority answered, but not with a token that verifies; `code` is the verdict's."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(f"{verdict.code}: {verdict.detail}"[:300])
        self.code = verdict.code


@dataclass(frozen=True, slots=True)
class Series:
    """An authority as configured. `roots` are PEM or DER; times in seconds. After a failure the next request waits
    `backoff_s`, doubling to `backoff_max_s`, with jitter, or as long as the authority asked for."""

    name: str
    url: str
    roots: Sequence[bytes]
    policy: str | None = None
    self_asserted: bool = False
    min_interval_s: float = 0.0
    deadline_s: float = 30.0
    backoff_s: float = 0.5
    backoff_max_s: float = 60.0


class Stamper(LoopActor):
    """Gets, verifies and stores the tokens of one authority.

    `ask(query)` exchanges DER (TsaError when it fails); `returned()` is called whenever no request is out any more.
    `sealed` is called on the loop with each new checkpoint: a hint that never waits. `busy` is true from the first step
    for a token until it is stored, and false while the authority is left alone after a failure.
    """

    def __init__(
        self,
        db: Database,
        bus: Bus,
        series: Series,
        *,
        ask: Callable[[bytes], Awaitable[bytes]],
        returned: Callable[[], None] = lambda: None,
        now: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        super().__init__()
        self._db, self._bus, self._series = db, bus, series
        self._ask, self._returned, self._now = ask, returned, now
        self._heads: list[Checkpoint] = []  # sealed since the last stamp, as far as we were told
        self._head: Checkpoint | None = None
        self._stamped = 0  # size of the tree under the last stamp
        self._last: Stamp | None = None
        self._failures = 0
        self._next_s = 0.0  # loop time before which no request goes out
        self._changed = asyncio.Event()
        self._verify_s = float("inf")
        self._state, self._error = "ok", ""
        self.busy = False

    # -- hints and what others read

    def sealed(self, head: Checkpoint) -> None:
        """A checkpoint is in the store."""
        if self._head is None or head.size > self._head.size:
            self._head = head
            self._heads.append(head)
            if self._next_s <= asyncio.get_running_loop().time():
                self.busy = True
            self._changed.set()

    def status(self) -> dict[str, Any]:
        """The authority as pages show it; `state` is ok, failing (no usable answer) or refusing (an answer that does
        not verify), `last_error` the code of the last failure, `pending` the sealed checks without its token."""
        last = self._last
        return {
            "name": self._series.name,
            "url": self._series.url,
            "state": self._state,
            "last_error": self._error or None,
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
        self._last = await proofs.latest_stamp(self._db, self._series.name)
        self._stamped = self._last.size if self._last else 0
        self._heads = [one for one in self._heads if one.size > self._stamped]
        head = await proofs.latest_checkpoint(self._db)
        if head is not None and (self._head is None or head.size > self._head.size):
            self._head = head

    async def _run(self) -> None:
        while True:
            head = await self._due()
            self.busy = True
            try:
                await self._stamp(head)
            except (TsaError, TimeoutError, Refused) as error:
                self._failed(error)
            except Unavailable as error:
                self._failed(error)
                await self._reload()
            finally:
                self.release()

    async def _reload(self) -> None:
        """The database was away, and a commit whose answer was lost may have happened."""
        try:
            await self._load()
        except Unavailable as error:
            self._error = error.code

    async def _due(self) -> Checkpoint:
        """The newest checkpoint, once there is one without our token and the authority may be asked."""
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            left = self._next_s - loop.time()
            head = self._head
            if head is not None and head.size > self._stamped:
                if left <= 0:
                    return head
                await asyncio.sleep(left)
            else:
                self.busy = False
                await self._hint()

    async def _hint(self) -> None:
        """Until something was sealed; one hint may be missed while this actor is restarted, so the store is asked."""
        try:
            async with asyncio.timeout(RECHECK_S):
                await self._changed.wait()
        except TimeoutError:
            await self._reload()

    # -- one token

    async def _stamp(self, head: Checkpoint) -> None:
        started_s = asyncio.get_running_loop().time()
        self._next_s = started_s + self._series.min_interval_s
        start = self._stamped
        anchor = groups.anchor(head.note, groups.group_root(await self._group_roots(start, head.size)))
        stamp = await self._token(anchor, start, head.size)
        await proofs.add_stamp(self._db, stamp)
        self._last, self._stamped = stamp, stamp.size
        self._heads = [one for one in self._heads if one.size > stamp.size]
        self._failures, self._error = 0, ""
        if self._state != "ok":
            log.info("authority is back", authority=self._series.name)
            self._state = "ok"
        await self._announce(stamp)

    async def _group_roots(self, start: int, size: int) -> list[bytes]:
        """The group roots of all checkpoints after `start` up to `size`, in order."""
        heads = [one for one in self._heads if start < one.size <= size]
        if not heads or heads[0].start != start or any(a.size != b.start for a, b in pairwise(heads)):
            heads = list(await proofs.checkpoints(self._db, start, size))
        return [one.group_root for one in heads]

    async def _token(self, anchor: bytes, start: int, size: int) -> Stamp:
        series = self._series
        query = tsp.make_query(sha256(anchor).digest(), policy=series.policy)
        asked = self._now()
        async with asyncio.timeout(series.deadline_s):
            response = await self._ask(query)
        verdict = await self._verify(response, anchor, query, asked)
        if not verdict.ok or verdict.gen_time is None:
            raise Refused(verdict)
        return Stamp(
            id=0,
            authority=series.name,
            start=start,
            size=size,
            anchor=anchor,
            query=query,
            response=response,
            chain=verdict.chain,
            gen_time=verdict.gen_time,
            accuracy=verdict.accuracy or 0,
            self_asserted=series.self_asserted,
        )

    async def _verify(self, response: bytes, anchor: bytes, query: bytes, asked: int) -> Verdict:
        now = self._now()
        work = partial(
            tsp.verify,
            response,
            roots=self._series.roots,
            data=anchor,
            query=query,
            policy=self._series.policy,
            at=now + WINDOW_US,
            window=(asked - WINDOW_US, now + WINDOW_US),
        )
        begun = time.perf_counter()
        verdict = await asyncio.to_thread(work) if self._verify_s > THREAD_S else work()
        self._verify_s = time.perf_counter() - begun
        return verdict

    # -- afterwards

    def _failed(self, error: Exception) -> None:
        series = self._series
        self._failures += 1
        if isinstance(error, Refused):
            self._state, self._error = "refusing", error.code
        else:
            self._state = "failing"
            self._error = getattr(error, "code", TsaTimeout.code)
        wait_s = min(series.backoff_max_s, series.backoff_s * 2.0 ** min(self._failures - 1, 30))
        wait_s *= random.uniform(0.75, 1.25)
        wait_s = max(wait_s, getattr(error, "pause", None) or 0)
        self._next_s = asyncio.get_running_loop().time() + wait_s
        log.warning(
            "no token", authority=series.name, state=self._state, code=self._error, reason=describe(error),
            failures=self._failures, retry_s=round(wait_s, 3),
        )  # fmt: skip

    async def _announce(self, stamp: Stamp) -> None:
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
            self._telling = self.spawn(self._tell_each(stamp), "tst")

    async def _tell_each(self, stamp: Stamp) -> None:
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
