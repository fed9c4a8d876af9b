"""What an audit reads: the log, a stretch at a time, its tiles and its stamps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pumpkin.model.proofs import Stamp
from pumpkin.store.proofs import stamp_of

if TYPE_CHECKING:
    from pumpkin.store.database import Database


async def rows(db: Database, start: int, stop: int) -> list[tuple[Any, ...]]:
    """The rows at places `start` up to (not with) `stop`, with the columns of `evidence.audit_row.Stored`."""
    async with db.reader() as connection:
        return [tuple(row) for row in await connection.fetch(db.queries.auditing_rows.sql, start, stop)]


async def tiles(db: Database, places: Iterable[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
    """The hashes of the tiles at these (level, n), as they are stored; those that are not there are left out."""
    wanted = sorted(set(places))
    if not wanted:
        return {}
    async with db.reader() as connection:
        found = db.queries.auditing_tiles(connection, levels=[level for level, _ in wanted], ns=[n for _, n in wanted])
        return {(row["level"], row["n"]): row["hashes"] async for row in found}


async def stamps(db: Database) -> list[Stamp]:
    """Every stamp, the oldest first."""
    async with db.reader() as connection:
        return [stamp_of(row) async for row in db.queries.auditing_stamps(connection)]
