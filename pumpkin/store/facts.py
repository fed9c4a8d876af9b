"""What an installation remembers once: the log's origin, the fleet key's id, and the like. JSON values by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pumpkin.store.database import Database

LAST_BACKUP = "last-backup"
"""Under this: when the last backup was whole (`at`, microseconds) and how many `checks` it holds."""


async def get(db: Database, name: str) -> Any:
    """What is remembered under `name`; None where nothing is."""
    async with db.reader() as connection:
        return await db.queries.facts_get(connection, name=name)


async def put(db: Database, name: str, value: Any) -> None:
    """Remember `value`, in place of what was."""
    async with db.writer() as connection:
        await db.queries.facts_put(connection, name=name, value=value)


async def once(db: Database, name: str, value: Any) -> Any:
    """Remember `value` unless something is remembered already; what is remembered now, the same for all nodes."""
    async with db.writer() as connection:
        return await db.queries.facts_once(connection, name=name, value=value)
