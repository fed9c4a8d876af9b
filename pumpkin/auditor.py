"""The audit of a stored log: reads it a stretch at a time, whole or in part, and says what does not fit and where."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pumpkin.errors import InvalidRequest
from pumpkin.evidence import audit_row, checkpoint, tiles
from pumpkin.evidence.audit import Audit, Fault
from pumpkin.evidence.audit_row import Stored
from pumpkin.evidence.audit_tiles import TileAudit, differing
from pumpkin.evidence.checkpoint import VerifierKey
from pumpkin.evidence.merkle import Frontier
from pumpkin.model.proofs import Checkpoint
from pumpkin.store import auditing, checks, proofs
from pumpkin.store.database import Database

STRETCH = 2_000

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


async def audit(
    db: Database,
    key: VerifierKey | None,
    *,
    start: int = 0,
    stop: int | None = None,
    kept: Iterable[str] = (),
    told: Told | None = None,
    stretch: int = STRETCH,
) -> Found:
    """Audit the records from `start` up to (not with) `stop`, by default all there are.

    `kept` are checkpoints (signed notes) that were kept elsewhere: the log must hold their tree still. `told(count)` is
    awaited after each stretch. InvalidRequest for a kept note that is none, or not by `key`.
    """
    newest = await proofs.latest_checkpoint(db)
    size = max(await checks.size(db), newest.size if newest else 0)
    heads = await proofs.checkpoints(db, 0, newest.size) if newest else []
    begin, end, edge = await _stretch(db, heads, start, size if stop is None else min(stop, size))
    within = [head for head in heads if begin < head.size and (stop is None or head.size <= end)]
    notes = [one for one in (_kept(note, key) for note in kept) if begin <= one[0] and (stop is None or one[0] <= end)]
    run = Audit(within, key, edge=edge, kept=notes)
    if begin and edge is None:
        run.report(begin, "root")
    grown = TileAudit(begin)
    rows = asyncio.create_task(auditing.rows(db, begin, min(begin + stretch, end)))
    sealed = newest.size if newest else 0
    try:
        for at in range(begin, end, stretch):
            found = await rows
            rows = asyncio.create_task(auditing.rows(db, at + stretch, min(at + 2 * stretch, end)))
            await asyncio.to_thread(_judge, run, grown, found, sealed)
            expected = grown.take()
            stored = await auditing.tiles(db, (one.tile for one in expected))
            for wrong in differing(expected, stored):
                run.report(wrong.record, "tile")
            if told:
                await told(len(found))
    finally:
        rows.cancel()
        await asyncio.gather(rows, return_exceptions=True)
    faults = run.finish(await auditing.stamps(db), whole=stop is None)
    return Found(begin, end, run.records, tuple(faults))


def _judge(run: Audit, grown: TileAudit, rows: Sequence[tuple[Any, ...]], sealed: int) -> None:
    following = run.next
    leaves: list[bytes] = []
    run.feed(row[:4] for row in rows)
    for row in rows:
        for kind in audit_row.faults(Stored._make(row)):
            run.report(row[0], kind)
        if row[0] < sealed:
            leaves += [b""] * (row[0] - following - len(leaves))  # a gap: told already, and no tile fits over it
            leaves.append(row[2])
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
        edge = await _edge(db, head.size)
    except (IndexError, ValueError, KeyError):
        return head.size, stop, None
    return head.size, stop, edge if edge.root() == head.root else None


async def _edge(db: Database, size: int) -> Frontier:
    held: dict[tuple[int, int], bytes] = {}
    for level, count in enumerate(tiles.sizes(size)):
        n, width = divmod(count, tiles.WIDTH)
        if width and level == 0:
            leaves = await checks.leaves(db, n * tiles.WIDTH, size)
            held[0, n] = b"".join(leaf for leaf, _ in leaves)
        elif width:
            held[level, n] = (await proofs.tile(db, level, n) or b"")[: width * 32]
    return Frontier.from_nodes(tiles.TileNodes(lambda level, n: held[level, n]), size)


def _kept(note: str, key: VerifierKey | None) -> tuple[int, bytes]:
    try:
        said = checkpoint.open_note(note, key) if key else checkpoint.parse_note(note)
    except checkpoint.BadNote as error:
        raise InvalidRequest(f"A checkpoint that was kept is none of this log's: {error}.") from None
    return said.size, said.root
