"""API keys: `pk_<prefix>_<secret>`, kept as SHA-256, with scopes, rate, expiry and revocation."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from pumpkin.errors import InvalidRequest, NotFound
from pumpkin.model.access import RATE

if TYPE_CHECKING:
    from pumpkin.store.database import Database

USED_S = 60.0
_KEY = re.compile(r"pk_([a-z0-9]{8})_[A-Za-z0-9_-]{43}\Z")
_ALPHABET = string.ascii_lowercase + string.digits


@dataclass(frozen=True, slots=True)
class Key:
    """A key without its secret. Times in microseconds; `rate` is requests an hour for the metered routes."""

    id: UUID
    name: str
    prefix: str
    scopes: tuple[str, ...]
    rate: int
    created: int
    expires: int | None = None
    revoked: int | None = None
    last_used: int | None = None
    lineage: str = ""

    def living(self) -> bool:
        """Whether it opens anything now."""
        return self.revoked is None and (self.expires is None or self.expires > _now())

    @property
    def owner(self) -> str:
        """To whom limits, idempotency and tasks belong; it stays the same when the key is rotated."""
        return self.lineage or f"key:{self.prefix}"


async def create(
    db: Database, *, name: str, scopes: Iterable[str], rate: int = RATE, expires: int | None = None
) -> tuple[Key, str]:
    """Make a key; (the key, its text, which is shown this once). InvalidRequest for what will not do."""
    return await _make(db, name, scopes, rate, expires, "")


async def _make(
    db: Database, name: str, scopes: Iterable[str], rate: int, expires: int | None, lineage: str
) -> tuple[Key, str]:
    wanted = tuple(dict.fromkeys(scopes))
    if not 0 < len(name) <= 200 or not name.isprintable():
        raise InvalidRequest("A key's name is 1 to 200 printable characters.", fields={"name": "not a name"})
    if not wanted or any(not re.fullmatch(r"[a-z]+(:([a-z]+|\*))?", scope) for scope in wanted):
        raise InvalidRequest("A scope reads like checks:write.", fields={"scopes": "not scopes"})
    prefix = "".join(secrets.choice(_ALPHABET) for _ in range(8))
    text = f"pk_{prefix}_{secrets.token_urlsafe(32)}"
    key = Key(uuid4(), name, prefix, wanted, rate, _now(), expires, lineage=lineage)
    async with db.writer() as connection:
        await db.queries.keys_add(
            connection,
            id=key.id,
            name=name,
            prefix=prefix,
            hash=_hash(text),
            scopes=list(wanted),
            rate=rate,
            created=key.created,
            expires=expires,
            lineage=lineage,
        )
    return key, text


async def rotate(db: Database, which: UUID | str, *, grace_s: float = 0.0) -> tuple[Key, str]:
    """A successor with the same name, scopes, rate, expiry and owner; the old key ends after `grace_s` seconds.

    NotFound when there is no living key of this id or prefix.
    """
    old = next((key for key in await listed(db) if which in (key.id, key.prefix) and key.living()), None)
    if old is None:
        raise NotFound("There is no active key of this name.")
    made = await _make(db, old.name, old.scopes, old.rate, old.expires, old.owner)
    ends = _now() + int(grace_s * 1e6)
    async with db.writer() as connection:
        await db.queries.keys_end(connection, id=old.id, at=ends)
    return made


async def find(db: Database, text: str) -> Key | None:
    """The living key of this text; one indexed query, and a note of the use at most once a minute."""
    match = _KEY.match(text)
    if match is None:
        return None
    now = _now()
    async with db.reader() as connection:
        row = await db.queries.keys_find(connection, prefix=match[1], now=now)
    if row is None or not hmac.compare_digest(row["hash"], _hash(text)):
        return None
    if row["last_used"] is None or row["last_used"] < now - USED_S * 1_000_000:
        async with db.writer() as connection:
            await db.queries.keys_used(connection, id=row["id"], at=now)
    return _key(row)


async def listed(db: Database) -> list[Key]:
    """Every key, newest first, ended ones too."""
    async with db.reader() as connection:
        return [_key(row) async for row in db.queries.keys_all(connection)]


async def revoke(db: Database, which: UUID | str) -> bool:
    """End a key, named by id or prefix, now; False when it was no living key."""
    async with db.writer() as connection:
        prefix = await db.queries.keys_revoke(
            connection,
            id=which if isinstance(which, UUID) else None,
            prefix=which if isinstance(which, str) else None,
            at=_now(),
        )
    return prefix is not None


async def forget(db: Database, name: str, which: UUID | None = None) -> None:
    """Take away the key `which`, made for a while under `name`, with those of that name that have ended: of a key that
    was nobody's nothing is worth keeping."""
    async with db.writer() as connection:
        await db.queries.keys_forget(connection, name=name, id=which, at=_now())


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _key(row: Any) -> Key:
    values = {name: value for name, value in row.items() if name != "hash"}
    return Key(**{**values, "scopes": tuple(values["scopes"])})


def _now() -> int:
    return time.time_ns() // 1_000
