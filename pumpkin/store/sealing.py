"""The sealing of the log: one more checkpoint, and which checks stand in a range of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg

from pumpkin.model.proofs import Checkpoint

if TYPE_CHECKING:
    from pumpkin.store.database import Database


async def add(db: Database, head: Checkpoint, tiles: Mapping[tuple[int, int], bytes]) -> bool:
    """Keep a checkpoint with the tiles it changed, `{(level, n): hashes}`, all or nothing.

    False, and nothing kept, when it does not begin where the newest one ends: another process has sealed meanwhile.
    """
    try:
        async with db.writer() as connection:
            size = await db.queries.sealing_add(
                connection,
                size=head.size,
                start=head.start,
                root=head.root,
                group_root=head.group_root,
                note=head.note,
                sealed=head.sealed,
                levels=[level for level, _ in tiles],
                ns=[n for _, n in tiles],
                hashes=list(tiles.values()),
            )
    except asyncpg.UniqueViolationError:
        return False
    return size is not None


async def ids(db: Database, start: int, stop: int) -> list[UUID]:
    """The ids of the checks at places `start` up to (not with) `stop`, in log order."""
    async with db.reader() as connection:
        return [row["id"] async for row in db.queries.sealing_ids(connection, start=start, stop=stop)]


async def direct(db: Database, start: int, most: int) -> list[tuple[int, UUID, bytes]]:
    """(place, id, payload) of checks from `start` on that want a token of their own and have none, at most `most`."""
    async with db.reader() as connection:
        rows = db.queries.sealing_direct(connection, start=start, most=most)
        return [(row["seq"], row["id"], row["payload"]) async for row in rows]
