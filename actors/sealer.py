"""The single writer of the log: turns stored checks into signed checkpoints.

A batch is cut at once while no token request is out, else when it returns, at the latest after a second or a thousand
records (settings); but two cuts begin at least PACE_S apart: each is a commit and a token, which under load would take
turns with the checks' own commits. Its leaves, tiles and checkpoint stand in one transaction, so after any end the next
start goes on from the last checkpoint; what it is told by `stored` only spares reading the leaves back.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import structlog

from actors.base import LoopActor, describe
from pumpkin.bus import Bus
from pumpkin.errors import PumpkinError, StartError, Unavailable
from pumpkin.evidence import checkpoint, groups, tiles
from pumpkin.evidence.checkpoint import LogKey
from pumpkin.evidence.merkle import Frontier
from pumpkin.model.proofs import Checkpoint
from pumpkin.store import checks, proofs, sealing
from pumpkin.store.database import Database

PACE_S = 0.04
CHUNK = 10_000  # most records one checkpoint adds
THREAD_RECORDS = 500  # hashing more than this on the loop would be felt (about 3 us a record)
RECHECK_S = 2.0  # how often the store is asked for records nobody told of
RETRY_S = (0.05, 2.0)  # first and longest wait while the database is away

Hashes = list[tuple[bytes, bytes]]
log = structlog.get_logger("pumpkin.sealer")


class LogBroken(PumpkinError):
    """The log's rows do not lead to its last checkpoint: it was changed from outside. Run `pumpkin audit`."""

    code = "log_broken"


class Overtaken(Unavailable):
    """Another process has sealed meanwhile; this one goes on from there."""


class Edge:
    """The right edge of the tree: its frontier, and the partial tile of each level (what appending has to read)."""

    def __init__(self, frontier: Frontier, partial: dict[int, bytes]) -> None:
        self.frontier, self.partial = frontier, partial

    @property
    def size(self) -> int:
        return self.frontier.size

    @classmethod
    async def load(cls, db: Database, last: Checkpoint | None) -> Edge:
        """The edge the last checkpoint left. LogBroken when the rows there do not give its root."""
        size = last.size if last else 0
        partial: dict[int, bytes] = {}
        for level, count in enumerate(tiles.sizes(size)):
            n, width = divmod(count, tiles.WIDTH)
            if not width:
                continue
            if level == 0:
                leaves = await checks.leaves(db, n * tiles.WIDTH, size)
                partial[0] = b"".join(leaf for leaf, _ in leaves)
            else:
                partial[level] = (await proofs.tile(db, level, n) or b"")[: width * 32]
        try:
            frontier = Frontier.from_nodes(tiles.TileNodes(lambda level, _: partial[level]), size)
        except (IndexError, KeyError, ValueError) as error:
            raise LogBroken from error
        if last is not None and frontier.root() != last.root:
            raise LogBroken
        return cls(frontier, partial)

    def extended(self, leaves: list[bytes]) -> tuple[Edge, dict[tuple[int, int], bytes]]:
        """The edge after appending leaf hashes, and the tiles of level 1 and above that changed."""
        changed = tiles.updates(self.size, leaves, lambda level, _: self.partial.get(level, b""))
        frontier = self.frontier.copy()
        frontier.extend(leaves)
        partial: dict[int, bytes] = {}
        for level, count in enumerate(tiles.sizes(frontier.size)):
            n, width = divmod(count, tiles.WIDTH)
            if not width:
                continue
            if level == 0:
                row = self.partial.get(0, b"") + b"".join(leaves)
                partial[0] = row[-width * 32 :]
            else:
                partial[level] = changed.get((level, n)) or self.partial[level]
        return Edge(frontier, partial), changed


class Sealer(LoopActor):
    """Seals what is stored. `stored` and `wake` are called on the loop, not told: hints that never wait.

    `busy()` says whether a token request is out; `sealed(checkpoint)` is told of each new one. `batch_age_s` and
    `batch_size` bound a batch that waits for `busy` to end. `tokens()` gives the lines that name the authorities'
    newest tokens: they go into each checkpoint, so that a record that names it is provably later than they are.
    `last_hash` is what a record says to name the newest checkpoint (hex). Of several nodes on one database the one that
    is `leading()` seals; the others follow its checkpoints (`followed` is their hint) and go on from there when it
    ends."""

    def __init__(
        self,
        db: Database,
        bus: Bus,
        key: LogKey,
        *,
        busy: Callable[[], bool] = lambda: False,
        sealed: Callable[[Checkpoint], None] = lambda checkpoint: None,
        tokens: Callable[[], Sequence[str]] = lambda: (),
        leading: Callable[[], bool] = lambda: True,
        batch_age_s: float = 1.0,
        batch_size: int = 1_000,
        now: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        super().__init__()
        self._db, self._bus, self._key = db, bus, key
        self._busy, self._sealed, self._tokens, self._now = busy, sealed, tokens, now
        self._batch_age_s, self._batch_size = batch_age_s, batch_size
        self._leading, self._led = leading, False
        self._edge = Edge(Frontier(), {})
        self._pending: Hashes = []
        self._oldest_s = 0.0  # loop time at which the oldest pending record came
        self._cut_s = float("-inf")  # loop time at which the last cut began
        self._stored_size = 0  # records known to be in the store
        self._changed = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self.last: Checkpoint | None = None
        self.last_hash: str | None = None
        self.last_error: str | None = None

    # -- hints

    def stored(self, first_seq: int, hashes: Hashes) -> None:
        """Records `first_seq` and following are committed, with (leaf hash, group hash) each."""
        self._stored_size = max(self._stored_size, first_seq + len(hashes))
        if not self._pending:
            self._oldest_s = asyncio.get_running_loop().time()
        if first_seq == self._edge.size + len(self._pending) and len(self._pending) < CHUNK:
            self._pending += hashes
        self._changed.set()

    def wake(self) -> None:
        """A token request has come back, or this node leads now: cut what waits."""
        self._changed.set()

    def told(self, size: int) -> None:
        """Another node stored records: there are `size` now."""
        self._stored_size = max(self._stored_size, size)
        self._changed.set()

    def followed(self) -> None:
        """Another node sealed."""
        self._changed.set()

    def status(self) -> dict[str, Any]:
        """Figures for a page or metric: the log's size, what is stored but not sealed, the last fault."""
        return {
            "size": self._size,
            "unsealed": max(0, self._stored_size - self._size),
            "last_error": self.last_error,
        }

    @property
    def _size(self) -> int:
        return self.last.size if self.last else 0

    # -- its life

    async def on_start(self) -> None:
        await self._load()
        self._led = self._leading()
        self._sealing = self.spawn(self._run(), "sealer")

    async def on_stop(self) -> None:
        """Seal what is stored, if this node leads and the database is there; otherwise whoever leads next does."""
        try:
            while self._leading() and self._stored_size > self._edge.size:
                await self._seal()
        except Unavailable as error:
            log.warning("stopped with unsealed records", unsealed=self.status()["unsealed"], reason=describe(error))

    async def _run(self) -> None:
        delay = RETRY_S[0]
        while True:
            try:
                await self._until_due()
                await self._seal()
                delay = RETRY_S[0]
                self.last_error = None
            except Unavailable as error:
                self.last_error = describe(error)
                log.warning("database away, not sealing", retry_s=delay)
                await asyncio.sleep(delay)
                delay = min(delay * 2, RETRY_S[1])
                await self._reload()

    async def _reload(self) -> None:
        """A commit whose answer was lost may have happened: begin again from what the store says."""
        try:
            async with self._one_at_a_time:
                await self._load()
        except Unavailable as error:
            self.last_error = describe(error)

    async def _load(self) -> None:
        self._keep(await proofs.latest_checkpoint(self._db))
        called = self.last.note.partition("\n")[0] if self.last else self._key.origin
        if called != self._key.origin:
            raise StartError(
                f"This database holds the log {called}, and the data folder the key of the log {self._key.origin}: "
                "name the data folder that belongs to it, or another database."
            )
        self._edge = await Edge.load(self._db, self.last)
        self._pending = []
        self._stored_size = await checks.size(self._db)
        self._oldest_s = asyncio.get_running_loop().time()
        if self._stored_size < self._edge.size:
            raise LogBroken
        self._changed.set()

    # -- cutting

    async def _until_due(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            if not self._leading() or not self._led:
                await self._take_turn()
                continue
            waiting = self._stored_size - self._edge.size
            if waiting and (waiting >= self._batch_size or not self._busy()):
                rest = self._cut_s + PACE_S - loop.time()
                if rest > 0:
                    await asyncio.sleep(rest)
                return
            left = self._oldest_s + self._batch_age_s - loop.time() if waiting else RECHECK_S
            if left <= 0:
                return
            try:
                async with asyncio.timeout(left):
                    await self._changed.wait()
            except TimeoutError:
                await self._recheck()

    async def _take_turn(self) -> None:
        """Follow who leads; the lead gained, go on from where the last checkpoint ends."""
        if self._leading():
            async with self._one_at_a_time:
                await self._load()
            self._led = True
            return
        self._led = False
        self._pending = []
        self._keep(await proofs.latest_checkpoint(self._db))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RECHECK_S):
                await self._changed.wait()

    async def _recheck(self) -> None:
        """A hint may have been missed (while this actor was restarted, or from another node)."""
        size = await checks.size(self._db)
        if size > self._stored_size:
            self._stored_size = size

    async def _seal(self) -> None:
        """One checkpoint over what is pending, at most CHUNK records."""
        async with self._one_at_a_time:
            if self._stored_size > self._edge.size:
                await self._cut()

    async def _cut(self) -> None:
        self._cut_s = asyncio.get_running_loop().time()
        start = self._edge.size
        batch = self._pending[:CHUNK]
        if len(batch) < min(CHUNK, self._stored_size - start):
            batch = await checks.leaves(self._db, start, min(start + CHUNK, self._stored_size))
        if not batch:
            raise LogBroken(f"Record {start} is counted but not there.")
        named = self._tokens()
        if len(batch) > THREAD_RECORDS:
            edge, changed, head = await asyncio.to_thread(self._head, batch, named)
        else:
            edge, changed, head = self._head(batch, named)
        if not await sealing.add(self._db, head, changed):
            log.warning("another process seals this log", size=start)
            raise Overtaken
        self._edge = edge
        self._keep(head)
        self._pending = self._pending[len(batch) :]
        self._oldest_s = asyncio.get_running_loop().time()
        self._bus.publish("check.sealed", {"first": start, "last": head.size - 1, "checkpoint": head.size})
        with contextlib.suppress(Unavailable):  # a stamper is being restarted: it will look itself
            self._sealed(head)

    def _keep(self, head: Checkpoint | None) -> None:
        self.last = head
        self.last_hash = groups.body_hash(head.note).hex() if head else None

    def _head(
        self, batch: Iterable[tuple[bytes, bytes]], named: Sequence[str]
    ) -> tuple[Edge, dict[tuple[int, int], bytes], Checkpoint]:
        leaves, hashes = (list(row) for row in zip(*batch, strict=True))
        edge, changed = self._edge.extended(leaves)
        root = edge.frontier.root()
        note = checkpoint.sign(self._key.origin, edge.size, root, self._key, extensions=named)
        head = Checkpoint(edge.size, self._edge.size, root, groups.group_root(hashes), note, self._now())
        return edge, changed, head
