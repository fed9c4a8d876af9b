"""Watch lists, what they led to, and where each feed stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pumpkin.model.packages import stamp
from pumpkin.model.watches import Watch, Wish

if TYPE_CHECKING:
    from pumpkin.store.database import Database

HISTORY = 100


@dataclass(frozen=True, slots=True)
class Feed:
    """Where a feed of new releases stands; `error` is what the last reading said, None when it went well."""

    ecosystem: str
    cursor: str = ""
    polled: datetime | None = None
    found: int = 0
    error: str | None = None


async def add(db: Database, wish: Wish, owner: str) -> Watch:
    """Keep a wish; the same again changes its priority."""
    async with db.writer() as connection:
        row = await db.queries.watches_add(
            connection, ecosystem=wish.ecosystem, name=wish.name, priority=wish.priority, owner=owner
        )
    return Watch(**dict(row))


async def remove(db: Database, watch_id: int, owner: str | None = None) -> bool:
    """Stop watching; False when there is no such watch (of this owner)."""
    async with db.writer() as connection:
        return await db.queries.watches_remove(connection, id=watch_id, owner=owner) is not None


async def every(db: Database, owner: str | None = None) -> list[Watch]:
    """What is watched, oldest first; with `owner` by them."""
    async with db.reader() as connection:
        return [Watch(**dict(row)) async for row in db.queries.watches_list(connection, owner=owner)]


async def unseen(db: Database, watch: Watch, name: str, versions: Sequence[str]) -> list[str]:
    """Those of `versions` this watch has not dealt with, in the order given."""
    async with db.reader() as connection:
        rows = db.queries.watches_unseen(connection, watch=watch.id, name=name, versions=list(versions))
        return [row["version"] async for row in rows]


async def seen(db: Database, watch: Watch, name: str, versions: Sequence[str], task: int | None = None) -> None:
    """These versions are dealt with, by a task or (None) as what was there before."""
    async with db.writer() as connection:
        await db.queries.watches_seen(connection, watch=watch.id, name=name, versions=list(versions), task=task)


async def polled(db: Database, watch: Watch, *, primed: bool, error: str | None = None) -> None:
    async with db.writer() as connection:
        await db.queries.watches_polled(connection, id=watch.id, primed=primed, error=error)


async def history(db: Database, watch_id: int, limit: int = HISTORY) -> list[dict[str, Any]]:
    """What a watch led to, newest first."""
    async with db.reader() as connection:
        rows = db.queries.watches_history(connection, watch=watch_id, limit=limit)
        return [{**dict(row), "seen": stamp(row["seen"])} async for row in rows]


async def feed(db: Database, ecosystem: str) -> Feed:
    """Where this feed stands; at its beginning when it was never read."""
    async with db.reader() as connection:
        row = await db.queries.feeds_get(connection, ecosystem=ecosystem)
    return Feed(ecosystem) if row is None else Feed(ecosystem, **dict(row))


async def feeds(db: Database) -> list[Feed]:
    async with db.reader() as connection:
        return [Feed(**dict(row)) async for row in db.queries.feeds_list(connection)]


async def read_feed(db: Database, ecosystem: str, cursor: str, found: int, error: str | None = None) -> None:
    """A feed was read (or, with `error`, could not be)."""
    async with db.writer() as connection:
        await db.queries.feeds_put(connection, ecosystem=ecosystem, cursor=cursor, found=found, error=error)
