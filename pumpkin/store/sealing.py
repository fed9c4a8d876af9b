"""What the sealing of the log reads besides proofs: which checks stand in a range of it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from pumpkin.store.database import Database


async def ids(db: Database, start: int, stop: int) -> list[UUID]:
    """The ids of the checks at places `start` up to (not with) `stop`, in log order."""
    async with db.reader() as connection:
        return [row["id"] async for row in db.queries.sealing_ids(connection, start=start, stop=stop)]
