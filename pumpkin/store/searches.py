"""Searches people kept: a page's query string under a name, a person's own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pumpkin.store.database import Database


async def of(db: Database, person: str, page: str) -> list[tuple[str, str]]:
    """(name, query string) of what a person kept for a page, by name."""
    async with db.reader() as connection:
        rows = db.queries.searches_of(connection, person=person, page=page)
        return [(row["name"], row["query"]) async for row in rows]


async def keep(db: Database, person: str, page: str, name: str, query: str) -> None:
    """Keep a search; one of that name is replaced, past a hundred nothing is kept."""
    async with db.writer() as connection:
        await db.queries.searches_keep(
            connection, person=person, page=page, name=name, query=query, created=time.time_ns() // 1_000
        )


async def forget(db: Database, person: str, page: str, name: str) -> None:
    """Forget one."""
    async with db.writer() as connection:
        await db.queries.searches_forget(connection, person=person, page=page, name=name)
