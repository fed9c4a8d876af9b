"""People and services that log in, and what they may."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
import unicodedata
from collections import OrderedDict
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import argon2

from pumpkin.errors import Conflict, InvalidRequest, LastAdministrator, NotFound

if TYPE_CHECKING:
    from pumpkin.store.database import Database

ROLES = ("viewer", "writer", "operator", "admin")
REMEMBERED_S = 60.0
SHORTEST, LONGEST = 8, 512
_hasher = argon2.PasswordHasher()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may log in. `must_change`: the password was handed out and opens nothing but its change; `totp`: a
    second factor is asked for; `openid`: "issuer subject" where the person signs in there."""

    name: str
    role: str
    created: int
    must_change: bool = False
    disabled: bool = False
    totp: bool = False
    openid: str | None = None


class _Remembered:
    """Pairs of name and password that were right within the last minute, under a keyed hash of the pair and of the
    stored hash: a changed password is forgotten by that alone (rulings.md 24)."""

    def __init__(self, most: int = 4_096) -> None:
        self._key = secrets.token_bytes(32)
        self._until: OrderedDict[bytes, float] = OrderedDict()
        self._most = most

    def _digest(self, stored: str, password: str) -> bytes:
        text = stored.encode() + b"\0" + password.encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, text, "sha256")

    def holds(self, stored: str, password: str) -> bool:
        return self._until.get(self._digest(stored, password), 0.0) > time.monotonic()

    def add(self, stored: str, password: str) -> None:
        digest = self._digest(stored, password)
        self._until[digest] = time.monotonic() + REMEMBERED_S
        self._until.move_to_end(digest)
        if len(self._until) > self._most:
            self._until.popitem(last=False)


_remembered = _Remembered()


async def add(
    db: Database, name: str, password: str | None = None, *, role: str = "viewer", must_change: bool = False
) -> str:
    """Make a person and answer the password, a random one where none is given.

    InvalidRequest for a name, role or password that will not do; Conflict when the name is taken.
    """
    if not 0 < len(name) <= 200 or not name.isprintable() or ":" in name or name != name.strip():
        raise InvalidRequest("A name is 1 to 200 printable characters without a colon.", fields={"name": "not a name"})
    if role not in ROLES:
        raise InvalidRequest(f"A role is one of {', '.join(ROLES)}.", fields={"role": "not a role"})
    chosen = secrets.token_urlsafe(15) if password is None else _fit(password)
    hashed = await asyncio.to_thread(_hasher.hash, _normal(chosen))
    async with db.writer() as connection:
        made = await db.queries.people_add(
            connection, name=name, password=hashed, role=role, created=_now(), must_change=must_change
        )
    if made is None:
        raise Conflict(f"There is already somebody named {name}.")
    return chosen


async def verify(db: Database, name: str, password: str) -> Person | None:
    """The person, when the password is right and the account open; else None, after the same work.

    A right pair is remembered a minute, so that HTTP Basic does not cost a hash a request.
    """
    async with db.reader() as connection:
        row = await db.queries.people_get(connection, name=name.replace("\x00", "\ufffd"))
    stored = row["password"] if row else await asyncio.to_thread(_decoy)
    if not (row and _remembered.holds(stored, password)):
        right = await asyncio.to_thread(_matches, stored, password)
        if not row or not right:
            return None
        if _hasher.check_needs_rehash(stored):
            await _rehash(db, name, stored, password)
        _remembered.add(stored, password)
    return None if row["disabled"] else person_of(row)


async def set_password(db: Database, name: str, password: str, *, must_change: bool = False) -> None:
    """Another password; all sessions of the person end. InvalidRequest for an unfit one, NotFound for nobody."""
    hashed = await asyncio.to_thread(_hasher.hash, _normal(_fit(password)))
    async with db.writer() as connection:
        _there(
            await db.queries.people_set_password(connection, name=name, password=hashed, must_change=must_change), name
        )


async def set_role(db: Database, name: str, role: str) -> None:
    """Another role, felt at the next request. Conflict when nobody would be administrator any more."""
    if role not in ROLES:
        raise InvalidRequest(f"A role is one of {', '.join(ROLES)}.", fields={"role": "not a role"})
    async with db.writer() as connection, connection.transaction():
        if role != "admin":
            await _spare_last(db, connection, name)
        _there(await db.queries.people_set_role(connection, name=name, role=role), name)


async def disable(db: Database, name: str, *, disabled: bool = True) -> None:
    """Let a person in no more, or again; sessions end. Conflict for the last administrator."""
    async with db.writer() as connection, connection.transaction():
        if disabled:
            await _spare_last(db, connection, name)
        _there(await db.queries.people_disable(connection, name=name, disabled=disabled), name)


async def remove(db: Database, name: str) -> None:
    """Remove a person; what it did stays in the audit. Conflict for the last administrator."""
    async with db.writer() as connection, connection.transaction():
        await _spare_last(db, connection, name)
        _there(await db.queries.people_remove(connection, name=name), name)


async def _spare_last(db: Database, connection: Any, name: str) -> None:
    """Conflict when `name` is the only administrator who may log in: nobody could undo that."""
    await db.queries.people_lock(connection)
    row = await db.queries.people_get(connection, name=name)
    admin = row and row["role"] == "admin" and not row["disabled"]
    if admin and not await db.queries.people_other_admins(connection, name=name):
        raise LastAdministrator(f"{name} is the only administrator; make somebody else one first.")


async def get(db: Database, name: str) -> Person | None:
    """The person of this name."""
    async with db.reader() as connection:
        row = await db.queries.people_get(connection, name=name)
    return person_of(row) if row else None


async def everybody(db: Database) -> list[Person]:
    """Everybody by name."""
    async with db.reader() as connection:
        return [Person(**row) async for row in db.queries.people_all(connection)]


def _fit(password: str) -> str:
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidRequest(
            f"A password has {SHORTEST} to {LONGEST} characters.", fields={"password": f"{SHORTEST} to {LONGEST}"}
        )
    return password


def _normal(password: str) -> bytes:
    """What is hashed: the same for the same signs, however a keyboard composes them (NIST SP 800-63B 3.1.1.2)."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def _matches(stored: str, password: str) -> bool:
    try:
        return bool(_hasher.verify(stored, _normal(password)))
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


@cache
def _decoy() -> str:
    """What an unknown name is compared with, so that the time of the answer does not tell who exists."""
    return _hasher.hash(secrets.token_hex(16))


async def _rehash(db: Database, name: str, stored: str, password: str) -> None:
    hashed = await asyncio.to_thread(_hasher.hash, _normal(password))
    async with db.writer() as connection:
        await db.queries.people_rehash(connection, name=name, password=hashed, old=stored)


def _there(found: Any, name: str) -> None:
    if found is None:
        raise NotFound(f"There is nobody named {name}.")


def person_of(row: Any) -> Person:
    return Person(
        row["name"], row["role"], row["created"], row["must_change"], row["disabled"], row["totp"], row["openid"]
    )


def _now() -> int:
    return time.time_ns() // 1_000
