"""Takes checks in: authorises, deduplicates, stores durably, acknowledges, announces.

Group commit without a timer: one writer task; rows gather while the previous write is under way, so an idle server
answers after one commit and a busy one writes batches. An observation is acknowledged only after its commit; whoever
got no receipt sends it again, and the uuid keeps it single.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import structlog

from actors.base import LoopActor, describe
from pumpkin.bus import Bus
from pumpkin.errors import Backpressure, InvalidCheck, PayloadTooLarge, PumpkinError, Unavailable, UnknownAgent
from pumpkin.evidence import record
from pumpkin.evidence.record import Sealed
from pumpkin.model import wire
from pumpkin.model.checks import PAYLOAD_LIMIT, Observation, Receipt
from pumpkin.store import checks
from pumpkin.store.database import Database

MIB = 1024 * 1024
THREAD_BYTES = MIB  # hashing more than this on the loop would be felt
ROW_BYTES = 2_048  # what a row weighs besides its payload, about
SHARE = 100  # rows of one request prepared before others on the loop get their turn

Outcome = Receipt | PumpkinError
Hashes = list[tuple[bytes, bytes]]
log = structlog.get_logger("pumpkin.aggregator")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is taken in: `batch_*` one write, `queue_*` what may wait; `patience_s` is how long a row waits for a
    database that is away before its sender is told to come back."""

    batch_rows: int = 1_000
    batch_bytes: int = 16 * MIB
    queue_rows: int = 20_000
    queue_bytes: int = 128 * MIB
    patience_s: float = 10.0


@dataclass(slots=True, eq=False)
class _Row:
    observation: Observation
    received: int
    sealed: Sealed
    weight: int
    expires: float
    answer: asyncio.Future[Outcome]

    def settle(self, outcome: Outcome) -> None:
        if not self.answer.done():  # the sender may have gone
            self.answer.set_result(outcome)


class Aggregator(LoopActor):
    """The one way into the store for observations. `receive` and `receive_many` are called on the loop, not asked.

    `known_agent(agent)` says whether that bare JID (or `key:` name) may deliver; `stored(first_seq, hashes)` is told of
    every commit, with (leaf hash, group hash) a row in log order, and is a hint only: the sealer reads what it missed;
    so is `wants_token()`, told when a stored check asked for a token of its own. `checkpoint()` is the hash of the
    newest checkpoint: an observation not signed that names none is given it, which bounds its record from below.
    `signed(observation)` raises where a signature is not what it should be. While the disk has no `room()`, checks are
    put off; what the installation itself has to say (reports, erasures, alerts) goes into what is left.
    """

    def __init__(
        self,
        db: Database,
        bus: Bus,
        *,
        known_agent: Callable[[str], bool] = lambda agent: True,
        stored: Callable[[int, Hashes], None] = lambda first, hashes: None,
        wants_token: Callable[[], None] = lambda: None,
        checkpoint: Callable[[], str | None] = lambda: None,
        signed: Callable[[Observation], None] = lambda seen: None,
        room: Callable[[], bool] = lambda: True,
        bounds: Bounds = Bounds(),
        now: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        super().__init__()
        self._db, self._bus, self._known_agent, self._stored = db, bus, known_agent, stored
        self._wants_token, self._bounds, self._now = wants_token, bounds, now
        self._checkpoint, self._signed, self._room = checkpoint, signed, room
        self._loop = asyncio.get_running_loop()
        self._queue: deque[_Row] = deque()
        self._batch: list[_Row] = []
        self._rows = self._bytes = 0  # held: waiting, being prepared, or being written
        self._closed = False
        self._arrived = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self.batches = self.stored_rows = self.refused = 0
        self.last_error: str | None = None

    # -- taking in

    async def receive(self, observation: Observation) -> Receipt:
        """Store one observation durably. UnknownAgent, PayloadTooLarge, InvalidCheck, CheckConflict as they say;
        Backpressure when too much waits, Unavailable when the database stays away or the disk is full."""
        outcome = await (await self._admit(observation)).answer
        if isinstance(outcome, PumpkinError):
            raise outcome
        return outcome

    async def receive_many(self, observations: Sequence[Observation]) -> list[Receipt | PumpkinError]:
        """For each observation, in order, its receipt or its error; the rest is not held up by one that fails."""
        taken: list[_Row | PumpkinError] = []
        for number, observation in enumerate(observations, 1):
            try:
                taken.append(await self._admit(observation))
            except PumpkinError as error:
                taken.append(error)
            if number % SHARE == 0:
                await asyncio.sleep(0)
        return [await one.answer if isinstance(one, _Row) else one for one in taken]

    def status(self) -> dict[str, Any]:
        """Figures for a page or metric: rows held, batches and rows stored, refusals, the last fault."""
        return {
            "held": self._rows,
            "held_bytes": self._bytes,
            "batches": self.batches,
            "stored": self.stored_rows,
            "refused": self.refused,
            "last_error": self.last_error,
        }

    async def _admit(self, observation: Observation) -> _Row:
        if observation.kind == "check" and not self._room():
            raise Unavailable("There is no room on the server's disk at the moment; send it again.")
        size = len(observation.payload)
        try:
            self._check(observation, size)
        except PumpkinError as error:
            self.refused += 1
            log.warning("check refused", agent=observation.agent, id=str(observation.id), code=error.code)
            raise
        if observation.after is None and observation.signature is None:
            observation = replace(observation, after=self._checkpoint())
        weight = size + ROW_BYTES
        self._hold(1, weight)
        try:
            received = self._now()
            if size > THREAD_BYTES:
                sealed = await asyncio.to_thread(record.make, observation, received)
            else:
                sealed = record.make(observation, received)
            if self._closed:
                raise Unavailable
        except BaseException:
            self._hold(-1, -weight)
            raise
        expires = self._loop.time() + self._bounds.patience_s
        row = _Row(observation, received, sealed, weight, expires, self._loop.create_future())
        self._queue.append(row)
        self._arrived.set()
        return row

    def _check(self, observation: Observation, size: int) -> None:
        if self._closed:
            raise Unavailable
        if not self._known_agent(observation.agent):
            raise UnknownAgent
        if size > PAYLOAD_LIMIT:
            raise PayloadTooLarge
        if observation.signature is not None:
            self._signed(observation)
        bounds = self._bounds
        if self._rows >= bounds.queue_rows or self._bytes + size + ROW_BYTES > bounds.queue_bytes:
            raise Backpressure

    def _hold(self, rows: int, weight: int) -> None:
        self._rows += rows
        self._bytes += weight
        if self._rows:
            self._empty.clear()
        else:
            self._empty.set()

    # -- its life

    async def on_start(self) -> None:
        self._writer = self.spawn(self._write(), "aggregator writer")

    async def on_stop(self) -> None:
        """Nothing more is taken; what is held is written first (the supervisor's deadline bounds it)."""
        self._closed = True
        await self._empty.wait()

    def release(self) -> None:
        self._closed = True
        for row in (*self._batch, *self._queue):
            row.settle(Unavailable())
        self._batch, self._rows, self._bytes = [], 0, 0
        self._queue.clear()

    # -- the writer

    async def _write(self) -> None:
        while True:
            await self._arrived.wait()
            batch, followers = self._cut()
            if not self._queue:
                self._arrived.clear()
            self._batch = [*batch, *(row for rows in followers.values() for row in rows)]
            if batch:
                await self._store(batch, followers)
            self._batch = []

    def _cut(self) -> tuple[list[_Row], dict[UUID, list[_Row]]]:
        """The next batch, ids unique, and the rows that repeat one of it. The same id with other content has to see
        the first one stored before it can be judged, so it ends the batch."""
        batch: dict[UUID, _Row] = {}
        followers: dict[UUID, list[_Row]] = {}
        weight = 0
        while self._queue and len(batch) < self._bounds.batch_rows:
            row = self._queue[0]
            first = batch.get(row.observation.id)
            if first is not None and first.sealed.content != row.sealed.content:
                break
            if batch and weight + row.weight > self._bounds.batch_bytes:
                break
            self._queue.popleft()
            if first is None:
                batch[row.observation.id] = row
                weight += row.weight
            else:
                followers.setdefault(row.observation.id, []).append(row)
        return list(batch.values()), followers

    async def _store(self, batch: list[_Row], followers: dict[UUID, list[_Row]]) -> None:
        outcomes = await self._outcomes(batch)
        for row, outcome in zip(batch, outcomes, strict=True):
            row.settle(outcome)
            self._hold(-1, -row.weight)
            for follower in followers.get(row.observation.id, ()):
                follower.settle(replace(outcome, known=True) if isinstance(outcome, Receipt) else outcome)
                self._hold(-1, -follower.weight)
        self._announce(batch, outcomes)

    async def _outcomes(self, batch: list[_Row], *, tried: bool = False) -> list[Outcome]:
        """What became of each row, after as many tries as the rows' patience allows."""
        delay = 0.05
        outcomes: dict[int, Outcome] = {}
        waiting = batch
        while waiting:
            try:
                answers = await checks.store_batch(self._db, [(r.observation, r.received, r.sealed) for r in waiting])
            except Unavailable as error:
                tried = True
                self.last_error = describe(error)
                log.warning("database away", rows=len(waiting), waiting=len(self._queue), retry_s=delay)
                waiting = self._expire(waiting, outcomes)
                if waiting:
                    await asyncio.sleep(delay)
                    delay = min(delay * 2, 1.0)
            except Exception as error:
                await self._part(waiting, outcomes, error, tried=tried)
                waiting = []
            else:
                for row, answer in zip(waiting, answers, strict=True):
                    outcomes[id(row)] = _own(row, answer) if tried else answer
                waiting = []
        return [outcomes[id(row)] for row in batch]

    async def _part(self, rows: list[_Row], outcomes: dict[int, Outcome], error: Exception, *, tried: bool) -> None:
        """Something in these rows cannot be stored: halve until it stands alone, so that its neighbours get in."""
        if len(rows) == 1:
            row = rows[0]
            self.last_error = describe(error)
            log.error("check cannot be stored", id=str(row.observation.id), exc_info=error)
            outcomes[id(row)] = _refusal(error)
            return
        for half in (rows[: len(rows) // 2], rows[len(rows) // 2 :]):
            for row, outcome in zip(half, await self._outcomes(half, tried=tried), strict=True):
                outcomes[id(row)] = outcome

    def _expire(self, rows: list[_Row], outcomes: dict[int, Outcome]) -> list[_Row]:
        """Tell the senders of rows past their patience, those still queued too; what is left is tried again."""
        now = self._loop.time()
        while self._queue and self._queue[0].expires <= now:
            row = self._queue.popleft()
            self._hold(-1, -row.weight)
            row.settle(Unavailable())
        for row in rows:
            if row.expires <= now:
                outcomes[id(row)] = Unavailable()
        return [row for row in rows if row.expires > now]

    def _announce(self, batch: list[_Row], outcomes: list[Outcome]) -> None:
        fresh = [
            (outcome.seq, row)
            for row, outcome in zip(batch, outcomes, strict=True)
            if isinstance(outcome, Receipt) and not outcome.known
        ]
        self.batches += 1
        if not fresh:
            return
        fresh.sort(key=lambda one: one[0])
        self.stored_rows += len(fresh)
        with contextlib.suppress(Unavailable):  # the sealer is being restarted: it will look itself
            for first, run in _runs(fresh):
                self._stored(first, run)
        if any(row.observation.direct for _, row in fresh):
            with contextlib.suppress(Unavailable):
                self._wants_token()
        scan = self._bus.read_by_anyone("scan")
        for seq, row in fresh:
            seen = row.observation
            self._bus.publish(
                "check.stored",
                {
                    "uuid": str(seen.id),
                    "type": seen.type,
                    "agent": seen.agent,
                    "status": seen.detail.get("status"),
                    "seq": seq,
                },
            )
            if scan:
                self._bus.publish("scan", wire.to_item(seen))


def _runs(fresh: list[tuple[int, _Row]]) -> list[tuple[int, Hashes]]:
    """Rows in log order as unbroken runs: halved batches may have another writer's rows between them."""
    runs: list[tuple[int, Hashes]] = []
    for seq, row in fresh:
        if not runs or runs[-1][0] + len(runs[-1][1]) != seq:
            runs.append((seq, []))
        runs[-1][1].append((row.sealed.leaf_hash, row.sealed.group_hash))
    return runs


def _refusal(error: Exception) -> PumpkinError:
    """What a check is told that failed alone. Only what is surely the check's own fault is final: a sender drops what
    was refused as invalid, and keeps and sends again what met a fault of ours."""
    if checks.is_content_fault(error):
        return InvalidCheck("The check holds something that cannot be stored, such as a NUL.")
    return Unavailable("The check could not be stored by a fault of this server; send it again.")


def _own(row: _Row, answer: Outcome) -> Outcome:
    """After a lost connection a row may be known because our own first try was committed: then it is new after all."""
    if isinstance(answer, Receipt) and answer.known and answer.received == row.received:
        return replace(answer, known=False)
    return answer
