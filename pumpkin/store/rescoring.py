"""Reports that older rules judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pumpkin.store.database import Database


async def outdated(db: Database, rules: str, after: int = 0, limit: int = 100) -> list[int]:
    """Ids of newest reports of package versions whose rules are not `rules` (a hash in hex), in order."""
    async with db.reader() as connection:
        rows = db.queries.rescoring_outdated(connection, rules=rules, after=after, most=limit)
        return [row["id"] async for row in rows]
