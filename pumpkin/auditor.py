"""The audit of a stored log: reads it a stretch at a time, whole or in part, and says what does not fit and where."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pumpkin.errors import InvalidRequest, Unavailable
from pumpkin.evidence import audit_row, checkpoint
from pumpkin.evidence.audit import Audit, Fault
from pumpkin.evidence.audit_row import Stored
from pumpkin.evidence.audit_tiles import TileAudit, differing
from pumpkin.evidence.checkpoint import VerifierKey
from pumpkin.evidence.merkle import Frontier
from pumpkin.model.proofs import Checkpoint
from pumpkin.store import auditing, checks, proofs
from pumpkin.store.database import Database
from pumpkin.tree import Tree

STRETCH = 2_000
CREW_STRETCH = 20_000

Crew = Callable[[int, int], "asyncio.Future[Looked]"]
"""Looks at the rows from one place up to another: `look_at` in another process."""
Told = Callable[[int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Found:
    """What an audit found over the records from `start` up to `stop`; `start` is moved down to a checkpoint."""

    start: int
    stop: int
    records: int
    faults: tuple[Fault, ...]

    @property
    def ok(self) -> bool:
        return not self.faults

    def as_json(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "records": self.records,
            "start": self.start,
            "stop": self.stop,
            "faults": [fault.as_json() for fault in self.faults],
        }


@dataclass(frozen=True, slots=True)
class Looked:
    """What one stretch of rows says: (seq, leaf hash, group hash) of each in order, and (seq, kind) of what is wrong
    with a row by itself."""

    rows: list[tuple[int, bytes, bytes]]
    faults: list[tuple[int, str]]


async def audit(
    db: Database,
    key: VerifierKey | None,
    *,
    start: int = 0,
    stop: int | None = None,
    kept: Iterable[str] = (),
    former: Sequence[VerifierKey] = (),
    told: Told | None = None,
    crew: Crew | None = None,
) -> Found:
    """Audit the records from `start` up to (not with) `stop`, by default all there are.

    `kept` are checkpoints (signed notes) that were kept elsewhere, signed by `key` or one of the log's `former` keys:
    the log must hold their tree still. `told(count)` is awaited after each stretch. A `crew` looks at the rows in
    processes of its own; else a thread does. InvalidRequest for a range or a kept note that is none.
    """
    stamps = await auditing.stamps(db)  # before the checkpoints: the log may grow, and a stamp is newer than its own
    newest = await proofs.latest_checkpoint(db)
    sealed = newest.size if newest else 0
    size = max(await checks.size(db), sealed)
    heads = await proofs.checkpoints(db, 0, sealed) if newest else []
    begin, end, edge = await _stretch(db, heads, start, size if stop is None else min(stop, size))
    within = [head for head in heads if begin < head.size and (stop is None or head.size <= end)]
    read = [_kept(note, key, former) for note in kept]
    notes = [one for one in read if begin <= one[0] and (stop is None or one[0] <= end)]
    run = Audit(within, key, edge=edge, kept=notes)
    if begin and edge is None:
        run.report(begin, "root")
    grown = TileAudit(begin)
    async for looked in _looks(db, begin, end, crew):
        _take(run, grown, looked, sealed)
        expected = grown.take()
        stored = await auditing.tiles(db, (one.tile for one in expected))
        for wrong in differing(expected, stored):
            run.report(wrong.record, "tile")
        if told:
            await told(len(looked.rows))
    faults = run.finish(stamps, whole=stop is None)
    return Found(begin, end, run.records, tuple(faults))


async def _looks(db: Database, begin: int, end: int, crew: Crew | None) -> AsyncIterator[Looked]:
    """The stretches in order, looked at two ahead."""
    length = CREW_STRETCH if crew else STRETCH
    ahead: deque[asyncio.Future[Looked]] = deque()
    starts = iter(range(begin, end, length))
    try:
        while True:
            while len(ahead) < 3 and (at := next(starts, None)) is not None:
                upto = min(at + length, end)
                ahead.append(crew(at, upto) if crew else asyncio.ensure_future(_here(db, at, upto)))
            if not ahead:
                return
            yield await ahead.popleft()
    finally:
        for one in ahead:
            one.cancel()
        await asyncio.gather(*ahead, return_exceptions=True)


async def _here(db: Database, start: int, stop: int) -> Looked:
    return await asyncio.to_thread(look, await auditing.rows(db, start, stop))


def look(rows: Iterable[tuple[Any, ...]]) -> Looked:
    """Each row against its own record."""
    looked = Looked([], [])
    for row in rows:
        looked.rows.append((row[0], row[2], row[3]))
        looked.faults.extend((row[0], kind) for kind in audit_row.faults(Stored._make(row)))
    return looked


def look_at(dsn: str, start: int, stop: int) -> Looked:
    """As `look`, at rows read over a connection of its own: what a process of the crew does."""

    async def read() -> Looked:
        looked = Looked([], [])
        db = Database(dsn, readers=1)
        try:
            for at in range(start, stop, STRETCH):
                part = look(await auditing.rows(db, at, min(at + STRETCH, stop)))
                looked.rows.extend(part.rows)
                looked.faults.extend(part.faults)
        finally:
            await db.close()
        return looked

    return asyncio.run(read())


def _take(run: Audit, grown: TileAudit, looked: Looked, sealed: int) -> None:
    following = run.next
    leaves: list[bytes] = []
    run.feed_hashes(looked.rows)
    for seq, kind in looked.faults:
        run.report(seq, kind)
    for seq, leaf, _ in looked.rows:
        if seq < sealed:
            leaves += [b""] * (seq - following - len(leaves))  # a gap: told already, and no tile fits over it
            leaves.append(leaf)
    grown.feed(leaves)


async def _stretch(
    db: Database, heads: Sequence[Checkpoint], start: int, stop: int
) -> tuple[int, int, Frontier | None]:
    """Where an audit begins (at a checkpoint) and ends, with the tree's edge there; None where the stored tiles do not
    give that checkpoint's root."""
    if start < 0 or start > stop:
        raise InvalidRequest("The range to audit begins after its end, or before the log's beginning.")
    head = max((one for one in heads if one.size <= start), key=lambda one: one.size, default=None)
    if head is None:
        return 0, stop, None
    try:
        edge = await Tree(db).frontier(head.size)
    except Unavailable:
        return head.size, stop, None
    return head.size, stop, edge if edge.root() == head.root else None


def _kept(note: str, key: VerifierKey | None, former: Sequence[VerifierKey]) -> tuple[int, bytes]:
    for one in former:
        with contextlib.suppress(checkpoint.BadNote):
            said = checkpoint.open_note(note, one)
            return said.size, said.root
    try:
        said = checkpoint.open_note(note, key) if key else checkpoint.parse_note(note)
    except checkpoint.BadNote as error:
        raise InvalidRequest(f"A checkpoint that was kept is none of this log's: {error}.") from None
    return said.size, said.root
