"""What an audit reads: the whole log, a stretch at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pumpkin.model.proofs import Stamp
from pumpkin.store.proofs import stamp_of

if TYPE_CHECKING:
    from pumpkin.store.database import Database


async def rows(db: Database, start: int, stop: int) -> list[Any]:
    """The rows at places `start` up to (not with) `stop`, in order, with every column the audit compares."""
    async with db.reader() as connection:
        return [row async for row in db.queries.auditing_rows(connection, start=start, stop=stop)]


async def stamps(db: Database) -> list[Stamp]:
    """Every stamp, the oldest first."""
    async with db.reader() as connection:
        return [stamp_of(row) async for row in db.queries.auditing_stamps(connection)]
