"""What upkeep asks of the store: whether it takes writes, what a rule lets go of, how much is kept."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from pumpkin.store.database import Database

TRIAL_BYTES = 262_144
Kept = tuple[int, UUID]
"""A check that still has its payload: its place and its id."""


async def try_writing(db: Database) -> None:
    """Write a quarter of a MiB that does not compress. Unavailable where writing is refused."""
    async with db.writer() as connection:
        await db.queries.upkeep_trial(connection, filler=os.urandom(TRIAL_BYTES))
    db.refused = ""


async def due(
    db: Database, *, before: int, type: str | None, agent: str | None, status: str | None, most: int
) -> list[Kept]:
    """The oldest checks received before `before` (microseconds) that fit what is not None."""
    async with db.reader() as connection:
        rows = db.queries.upkeep_due(connection, before=before, type=type, agent=agent, status=status, most=most)
        return [(row["seq"], row["id"]) async for row in rows]


async def kept(db: Database) -> int:
    """How many bytes of payload are kept in all. Reads every row that has one: a second for a million."""
    async with db.reader() as connection:
        return int(await db.queries.upkeep_kept(connection))


async def oldest(db: Database, *, size_bytes: int, most: int) -> list[Kept]:
    """The oldest checks whose payloads make up so many bytes."""
    async with db.reader() as connection:
        rows = db.queries.upkeep_oldest(connection, bytes=size_bytes, most=most)
        return [(row["seq"], row["id"]) async for row in rows]


async def erase(db: Database, ids: Sequence[UUID], *, who: str, reason: str) -> int:
    """Forget the payloads of these checks and note each, in one statement; how many had one."""
    async with db.writer() as connection:
        return int(
            await db.queries.upkeep_erase(
                connection, ids=list(ids), at=time.time_ns() // 1_000, who=who, reason=reason[:1_000]
            )
        )


async def forget_messages(db: Database, before: int) -> int:
    """Forget messages received before `before` (microseconds); how many there were."""
    async with db.writer() as connection:
        return int(await db.queries.upkeep_messages(connection, before=before))
