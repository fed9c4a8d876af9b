"""Keys that sign what probes observed, and the history of every key of the house."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from pumpkin.store.database import Database


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key of an agent: `key_id` is SHA-256 (hex) of `public` (32 bytes), `state` offered, enrolled, rotated or
    revoked, `previous` the key it follows ("" for none); times in microseconds."""

    agent: str
    key_id: str
    public: bytes
    state: str
    previous: str
    offered: int
    changed: int


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """A change of a key: `kind` probe, log or authority, `subject` whose it is, `event` what happened; `record` is the
    id of the check that says so in the log."""

    n: int
    kind: str
    subject: str
    key_id: str
    event: str
    detail: Mapping[str, Any]
    at: int
    record: UUID | None = None


async def all_keys(db: Database) -> list[SigningKey]:
    """Every key of every agent."""
    async with db.reader() as connection:
        return [SigningKey(**row) async for row in db.queries.signing_all(connection)]


async def get(db: Database, agent: str, key_id: str) -> SigningKey | None:
    """One key of an agent."""
    async with db.reader() as connection:
        row = await db.queries.signing_get(connection, agent=agent, key_id=key_id)
    return SigningKey(**row) if row else None


async def offer(db: Database, agent: str, key_id: str, public: bytes, previous: str = "") -> bool:
    """Keep a key an agent offers; False when it is known, whatever its state."""
    async with db.writer() as connection:
        added = await db.queries.signing_offer(
            connection, agent=agent, key_id=key_id, public=public, previous=previous, at=_now()
        )
    return added is not None


async def move(
    db: Database, agent: str, key_id: str | None, state: str, *, among: Sequence[str], by: str = ""
) -> list[str]:
    """Give an agent's key (None: each) another state, if its state is one of `among`; the ids of those that moved."""
    async with db.writer() as connection:
        rows = db.queries.signing_move(
            connection, agent=agent, key_id=key_id, state=state, states=list(among), by=by, at=_now()
        )
        return [row["key_id"] async for row in rows]


async def shut_out(db: Database) -> list[str]:
    """Agents that were revoked and still have keys in force."""
    async with db.reader() as connection:
        return [row["agent"] async for row in db.queries.signing_of_revoked(connection)]


async def event(db: Database, kind: str, subject: str, key_id: str, event: str, detail: Mapping[str, Any]) -> int:
    """Write down a change of a key of the house itself; its number."""
    async with db.writer() as connection:
        number: int = await db.queries.signing_event(
            connection, kind=kind, subject=subject, key_id=key_id, event=event, detail=dict(detail), at=_now()
        )
    return number


async def unlogged(db: Database) -> list[KeyEvent]:
    """Changes that are no record of the log yet, oldest first, at most a hundred."""
    async with db.reader() as connection:
        return [KeyEvent(**row) async for row in db.queries.signing_unlogged(connection)]


async def logged(db: Database, n: int, record: UUID) -> None:
    """Say which check tells of a change."""
    async with db.writer() as connection:
        await db.queries.signing_logged(connection, n=n, record=record)


async def history(db: Database, subject: str | None = None, most: int = 100) -> list[KeyEvent]:
    """Changes of keys, newest first, of one agent, log or authority or of all."""
    async with db.reader() as connection:
        return [KeyEvent(**row) async for row in db.queries.signing_history(connection, subject=subject, most=most)]


def _now() -> int:
    return time.time_ns() // 1_000
