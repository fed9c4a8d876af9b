"""What the gateway writes down of the fleet: who is known, what they reported, when they were there, what was said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pumpkin.model.agents import Message

if TYPE_CHECKING:
    from pumpkin.store.database import Database


async def states(db: Database) -> dict[str, str]:
    """Every agent's state by bare JID."""
    async with db.reader() as connection:
        return {row["jid"]: row["state"] async for row in db.queries.fleet_states(connection)}


async def state(db: Database, jid: str) -> str | None:
    """One agent's state, None when it was never seen."""
    async with db.reader() as connection:
        row = await db.queries.fleet_state(connection, jid=jid)
    return None if row is None else str(row["state"])


async def meet(db: Database, jid: str, at: int, state: str = "pending") -> str:
    """Write down a newcomer, in that state; the state it is in (it may be known already)."""
    async with db.writer() as connection:
        row = await db.queries.fleet_meet(connection, jid=jid, state=state, at=at)
    return str(row["state"] if isinstance(row, Mapping) or hasattr(row, "keys") else row)


async def decide(db: Database, jid: str, state: str, at: int) -> None:
    """Approve or revoke an agent, seen before or not."""
    async with db.writer() as connection:
        await db.queries.fleet_decide(connection, jid=jid, state=state, at=at)


async def report(db: Database, jid: str, said: Mapping[str, Any], at: int) -> None:
    """What an agent said of itself: duties, tags, site, version, behaviours; parsed and bounded by the caller."""
    async with db.writer() as connection:
        await db.queries.fleet_report(
            connection,
            jid=jid,
            duties=said["duties"],
            tags=said["tags"],
            site=said["site"],
            version=said["version"],
            behaviours=said["behaviours"],
            at=at,
        )


async def infer(db: Database, behaviours: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """By agent: behaviours as its checks show them; left alone where the agent reports its own."""
    if not behaviours:
        return
    async with db.writer() as connection:
        await db.queries.fleet_infer(
            connection, behaviours={jid: [dict(one) for one in listed] for jid, listed in behaviours.items()}
        )


async def seen(db: Database, news: Mapping[str, tuple[int, int | None, int]]) -> None:
    """By agent: when last heard, when its last check came (or None), how many checks came since the last call."""
    if not news:
        return
    async with db.writer() as connection:
        await db.queries.fleet_seen(
            connection,
            jids=list(news),
            seens=[one[0] for one in news.values()],
            checkeds=[one[1] for one in news.values()],
            addeds=[one[2] for one in news.values()],
        )


async def unread(db: Database, jid: str, keys: Sequence[str]) -> None:
    """The keys in an agent's checks that this version does not read, as far as they were seen since the start."""
    async with db.writer() as connection:
        await db.queries.fleet_unread(connection, jid=jid, keys=[key.replace("\x00", "\ufffd") for key in keys])


async def read_anew(db: Database) -> None:
    """Forget which keys were not read: another version may have started, and reads them."""
    async with db.writer() as connection:
        await db.queries.fleet_read_anew(connection)


async def uptime(db: Database, seconds: Mapping[tuple[str, date], float]) -> None:
    """Add seconds available to agents' days."""
    if not seconds:
        return
    async with db.writer() as connection:
        await db.queries.fleet_uptime(
            connection,
            jids=[jid for jid, _ in seconds],
            days=[day for _, day in seconds],
            ups=list(seconds.values()),
        )


async def keep_messages(db: Database, messages: Sequence[Message]) -> None:
    """Write down messages, in order."""
    if not messages:
        return
    async with db.writer() as connection:
        await db.queries.fleet_messages(
            connection,
            ids=[one.id for one in messages],
            senders=[one.sender for one in messages],
            recipients=[one.to for one in messages],
            bodies=[one.body for one in messages],
            threads=[one.thread for one in messages],
            metadatas=[dict(one.metadata) for one in messages],
            receiveds=[one.received for one in messages],
            stanzas=[one.stanza for one in messages],
            checks=[UUID(one.check) if one.check else None for one in messages],
        )
