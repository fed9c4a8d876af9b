"""One moment of the database, shared with a program that dumps it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pumpkin.store.database import Database


@dataclass(frozen=True, slots=True)
class Snapshot:
    """PostgreSQL's `name` of the moment, for other connections to see just that, and how many `checks` the log holds
    at it."""

    name: str
    checks: int


@asynccontextmanager
async def shared(db: Database) -> AsyncIterator[Snapshot]:
    """The moment of now, which stands for others to take up until this ends. Unavailable as from any reader."""
    async with db.reader() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        name = await db.queries.snapshots_export(connection)
        yield Snapshot(name, int(await db.queries.checks_size(connection)))
