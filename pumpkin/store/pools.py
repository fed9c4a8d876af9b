"""Lists of one-shot jobs shared by agents of a duty: each job is leased to one at a time (rulings.md 43)."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pumpkin.errors import Conflict

if TYPE_CHECKING:
    from pumpkin.store.database import Database

TRIES = 5
LEASE_S = 60.0


async def add(db: Database, name: str, duty: str, jobs: Sequence[Mapping[str, Any]], made_by: str) -> None:
    """Put jobs at the end of the pool of that name, made when there is none; Conflict when it is of another duty."""
    async with db.writer() as connection, connection.transaction():
        pool = await db.queries.pools_put(connection, name=name, duty=duty, made_by=made_by, at=_now())
        if pool is None:
            raise Conflict(f"The pool {name} is shared by another duty.")
        await db.queries.pools_add(connection, pool=pool, jobs=[dict(one) for one in jobs], at=_now())


async def take(db: Database, agent: str, duties: Sequence[str], most: int, lease_s: float = LEASE_S) -> list[Any]:
    """Lease the agent the next jobs of its duties: rows of id, job and pool."""
    async with db.writer() as connection:
        rows = db.queries.pools_take(
            connection,
            agent=agent,
            duties=list(duties),
            most=most,
            tries=TRIES,
            at=_now(),
            lease=_now() + round(lease_s * 1_000_000),
        )
        return sorted([dict(row) async for row in rows], key=lambda row: row["id"])


async def hold(db: Database, agent: str, ident: int, lease_s: float = LEASE_S) -> bool:
    """The agent still works at it; False when it is another's by now."""
    async with db.writer() as connection:
        held = await db.queries.pools_hold(connection, agent=agent, id=ident, lease=_now() + round(lease_s * 1_000_000))
    return held is not None


async def done(db: Database, agent: str, ident: int, check: UUID, status: str) -> bool:
    """The agent did it; False when it is another's by now."""
    async with db.writer() as connection:
        ended = await db.queries.pools_done(
            connection, agent=agent, id=ident, check=check, status=status[:20], at=_now()
        )
    return ended is not None


async def open_duties(db: Database) -> set[str]:
    """The duties that have jobs to be taken."""
    async with db.reader() as connection:
        return {row["duty"] async for row in db.queries.pools_open(connection, at=_now())}


async def all_pools(db: Database) -> list[Any]:
    """Every pool with how far it is, newest first."""
    async with db.reader() as connection:
        return [dict(row) async for row in db.queries.pools_all(connection)]


async def jobs(db: Database, name: str, *, after: int = 0, limit: int = 200) -> list[Any]:
    """A pool's jobs in order, past the number `after`."""
    async with db.reader() as connection:
        return [dict(row) async for row in db.queries.pools_jobs(connection, name=name, after=after, most=limit)]


async def drop(db: Database, name: str) -> bool:
    """Remove a pool with its list; False when there is none."""
    async with db.writer() as connection:
        return await db.queries.pools_drop(connection, name=name) is not None


def _now() -> int:
    return time.time_ns() // 1_000
