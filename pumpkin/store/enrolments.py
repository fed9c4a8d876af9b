"""How probes come in: invitations with what they give, and one transaction that makes account and agent of one."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pumpkin.errors import Conflict, NotFound

if TYPE_CHECKING:
    from pumpkin.store.database import Database

HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Gift:
    """What an invitation gives who comes by it. `name` "" lets it choose; `approve` lets it in at once."""

    name: str = ""
    tags: tuple[str, ...] = ()
    duties: tuple[str, ...] = ("probe",)
    site: str = ""
    note: str = ""
    approve: bool = False
    made_by: str = ""


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Who wants in: its bare JID, the verifiers of its password, the key it will sign with (32 bytes), its host."""

    jid: str
    scram: Mapping[str, Any]
    public: bytes
    host: str = ""
    address: str = ""
    version: str = ""


async def invite(db: Database, gift: Gift, *, uses: int = 1, hours: float = 24.0) -> str:
    """A new token (43 characters); it is shown this once."""
    token, now = secrets.token_urlsafe(32), _now()
    async with db.writer() as connection:
        await db.queries.enrolments_invite(
            connection,
            hash=_hash(token),
            created=now,
            expires=now + round(hours * HOUR_US),
            uses=uses,
            note=gift.note[:200],
            name=gift.name,
            tags=list(gift.tags),
            duties=list(gift.duties),
            site=gift.site,
            approve=gift.approve,
            made_by=gift.made_by,
        )
    return token


async def good(db: Database, token: str) -> Gift | None:
    """What a token gives; None when it is not good (any more)."""
    async with db.reader() as connection:
        row = await db.queries.enrolments_good(connection, hash=_hash(token), at=_now())
    return _gift(row) if row else None


async def enrol(db: Database, token: str, who: Newcomer, *, approved: bool = False) -> str:
    """Use the token up for an account and an agent, all or nothing; the agent's state. NotFound when the token is not
    good, Conflict when the name is taken: then the token stays good."""
    user, now, mark = who.jid.partition("@")[0], _now(), _hash(token)
    async with db.writer() as connection, connection.transaction():
        row = await db.queries.enrolments_good(connection, hash=mark, at=now)
        if row is None:
            raise NotFound("This invitation is used up, out of date, or none.")
        gift = _gift(row)
        state = "approved" if gift.approve or approved else "pending"
        made = await db.queries.accounts_create(connection, username=user, scram=dict(who.scram), created=now)
        known = await db.queries.enrolments_agent(
            connection,
            jid=who.jid,
            state=state,
            at=now,
            duties=list(gift.duties),
            tags=list(gift.tags),
            site=gift.site,
            version=who.version,
        )
        if made is None or known is None:
            raise Conflict(f"There is an agent {who.jid} already.")
        if await db.queries.invitations_redeem(connection, hash=mark, at=now, name=user) is None:
            raise NotFound("This invitation is used up, out of date, or none.")
        await db.queries.enrolments_add(
            connection,
            jid=who.jid,
            invitation=mark,
            at=now,
            address=who.address,
            host=who.host,
            public=who.public,
            version=who.version,
        )
    return state


async def came_by(db: Database, jid: str, token: str, public: bytes) -> bool:
    """Whether this agent came in by this token with this key: then its second request is the first one's echo."""
    async with db.reader() as connection:
        row = await db.queries.enrolments_get(connection, jid=jid)
    return row is not None and row["invitation"] == _hash(token) and row["public"] == public


async def key_of(db: Database, jid: str) -> bytes | None:
    """The key (32 bytes) an agent enrolled with; None for one that came in another way."""
    async with db.reader() as connection:
        row = await db.queries.enrolments_get(connection, jid=jid)
    return bytes(row["public"]) if row else None


async def of(db: Database, jids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """How these agents came in, by JID."""
    async with db.reader() as connection:
        return {row["jid"]: dict(row) async for row in db.queries.enrolments_of(connection, jids=list(jids))}


def _gift(row: Mapping[str, Any]) -> Gift:
    return Gift(
        name=row["name"],
        tags=tuple(row["tags"]),
        duties=tuple(row["duties"]),
        site=row["site"],
        note=row["note"],
        approve=row["approve"],
        made_by=row["made_by"],
    )


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _now() -> int:
    return time.time_ns() // 1_000
