"""What fails now: each series (agent, type, target) whose newest judgement is warning or critical, however long ago."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from pumpkin.store.database import Database

PART = 1_000
"""How many checks are folded in by one statement: a few milliseconds, in which nothing else is written."""

Row = Mapping[str, Any]
After = tuple[bool, int]
"""Whether the last row of the page before was critical, and its newest check's place."""


async def page(
    db: Database,
    *,
    most: int,
    status: str | None = None,
    agent: str | None = None,
    q: str | None = None,
    after: After | None = None,
) -> list[Row]:
    """What fails, critical before warning, newest first: series, agent, type, target, status, the newest check (id,
    last, observed), since when (`since`, microseconds; `first`) and how many `times` in a row none was ok."""
    critical, before = after or (None, None)
    async with db.reader() as connection:
        rows = db.queries.failing_page(
            connection, status=status, agent=agent, q=q, critical=critical, before=before, most=most
        )
        return [dict(row) async for row in rows]


async def count(db: Database) -> dict[str, int]:
    """How many series are critical, and how many warning."""
    async with db.reader() as connection:
        found = {row["status"]: row["many"] async for row in db.queries.failing_count(connection)}
    return {"critical": found.get("critical", 0), "warning": found.get("warning", 0)}


async def fold(db: Database, most: int = PART) -> int:
    """Fold in at most `most` further checks, so that pages have little left to look at; how many are left."""
    async with db.writer() as connection:
        return int(await db.queries.failing_fold(connection, most=most))


async def let_go(db: Database, series: UUID, last: int) -> Row | None:
    """Say that a series is past (what it looked at is no longer looked at), as far as its check `last`: it is shown
    again when it fails again. Agent, type and target; None where it does not fail now or failed again since."""
    while await fold(db):
        pass
    async with db.writer() as connection:
        row = await db.queries.failing_let_go(connection, series=series, last=last)
    return dict(row) if row else None
