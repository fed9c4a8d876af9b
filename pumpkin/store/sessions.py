"""Sessions: logins that live, each known by the hash of its token and named to people by its handle."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pumpkin.store import factors

if TYPE_CHECKING:
    from pumpkin.store.database import Database

MOST = 500


@dataclass(frozen=True, slots=True)
class Session:
    """A login that lives: whose, with which role now, its CSRF token, until when (microseconds), last used when."""

    handle: UUID
    name: str
    role: str
    csrf: str
    created: int
    expires: int
    seen: int = 0
    must_change: bool = False


@dataclass(frozen=True, slots=True)
class Half:
    """A login whose password was right and whose code is awaited: the secret it is judged by (None: none is set)."""

    name: str
    totp: str | None
    totp_step: int
    must_change: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """A session as its owner is shown it: from which address and with which browser it was opened, last used when."""

    handle: UUID
    name: str
    created: int
    expires: int
    seen: int
    source: str
    client: str


async def open(
    db: Database, name: str, *, seconds: float, half: bool = False, source: str = "", client: str = ""
) -> str:
    """Open a session and answer its token (43 characters), of which only the SHA-256 is kept."""
    token, now = secrets.token_urlsafe(32), _now()
    async with db.writer() as connection:
        await db.queries.sessions_open(
            connection,
            token_hash=_token_hash(token),
            name=name,
            csrf=secrets.token_urlsafe(32),
            created=now,
            expires=now + int(seconds * 1_000_000),
            half=half,
            source=_clean(source, 100),
            client=_clean(client, 300),
        )
    return token


async def get(db: Database, token: str) -> Session | None:
    """The living, whole session of this token; that it was used is noted at most once a minute."""
    now, digest = _now(), _token_hash(token)
    async with db.reader() as connection:
        row = await db.queries.sessions_get(connection, token_hash=digest, now=now)
    if row is None:
        return None
    if row["seen"] < now - 60_000_000:
        async with db.writer() as connection:
            await db.queries.sessions_seen(connection, token_hash=digest, now=now)
    return Session(**row)


async def half(db: Database, token: str) -> Half | None:
    """The session of this token that awaits its code."""
    async with db.reader() as connection:
        row = await db.queries.sessions_half(connection, token_hash=_token_hash(token), now=_now())
    return Half(**{**row, "totp": factors.opened(db, row["name"], row["totp"])}) if row else None


async def close(db: Database, token: str) -> None:
    """End a session; no error when there is none."""
    async with db.writer() as connection:
        await db.queries.sessions_close(connection, token_hash=_token_hash(token))


async def listed(db: Database, name: str | None = None) -> list[Listed]:
    """The living sessions of a person, or of everybody, newest first."""
    async with db.reader() as connection:
        rows = db.queries.sessions_of(connection, name=name, now=_now(), most=MOST)
        return [_listed(row) async for row in rows]


async def end(db: Database, handle: UUID, name: str | None = None) -> str | None:
    """End a session by its handle; whose it was. With `name` only one of that person."""
    async with db.writer() as connection:
        found: str | None = await db.queries.sessions_end(connection, handle=handle, name=name)
    return found


async def end_others(db: Database, name: str, keep: UUID | None = None) -> None:
    """End all sessions of a person but `keep`."""
    async with db.writer() as connection:
        await db.queries.sessions_end_others(connection, name=name, handle=keep)


def _listed(row: Mapping[str, Any]) -> Listed:
    return Listed(**row)


def _clean(text: str, limit: int) -> str:
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()[:limit]


def _token_hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _now() -> int:
    return time.time_ns() // 1_000
