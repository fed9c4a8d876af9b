"""Invitations: a token that lets its holder make an account; kept as its SHA-256 only."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pumpkin.store.database import Database

HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Invitation:
    """One that is still good: `id` is its hash in hexadecimal, times in microseconds."""

    id: str
    created: int
    expires: int
    uses: int
    note: str = ""
    last_used: int | None = None
    last_name: str | None = None


async def add(db: Database, *, uses: int = 1, hours: float = 24.0, note: str = "") -> str:
    """A new token (43 characters), good for so many accounts and hours; it is shown this once."""
    token, now = secrets.token_urlsafe(32), _now()
    async with db.writer() as connection:
        await db.queries.invitations_add(
            connection, hash=_hash(token), created=now, expires=now + round(hours * HOUR_US), uses=uses, note=note[:200]
        )
    return token


async def redeem(db: Database, token: str, name: str) -> bool:
    """Use up one of the token's uses for the account `name`; False when it is not good (any more)."""
    if not token or len(token) > 200:
        return False
    async with db.writer() as connection:
        left = await db.queries.invitations_redeem(connection, hash=_hash(token), at=_now(), name=name[:200])
    return left is not None


async def all_good(db: Database) -> list[Invitation]:
    """Those that can still be used, newest first; at most 200."""
    async with db.reader() as connection:
        rows = [dict(row) async for row in db.queries.invitations_all(connection, at=_now())]
    return [Invitation(id=row.pop("hash").hex(), **row) for row in rows]


async def end(db: Database, ident: str) -> None:
    """Take an invitation back by its id."""
    async with db.writer() as connection:
        await db.queries.invitations_end(connection, hash=bytes.fromhex(ident), at=_now())


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _now() -> int:
    return time.time_ns() // 1_000
