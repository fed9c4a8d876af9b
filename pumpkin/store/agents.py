"""The registry: every agent ever seen, its state, what it says of itself, and its up-time by day."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

from pumpkin.model.agents import Agent, Behaviour

if TYPE_CHECKING:
    from pumpkin.store.database import Database


async def get(db: Database, jid: str) -> Agent | None:
    """The agent with this bare JID."""
    async with db.reader() as connection:
        row = await db.queries.agents_get(connection, jid=jid)
    return _agent(row) if row else None


async def page(
    db: Database,
    *,
    after: str = "",
    state: str | None = None,
    duty: str | None = None,
    tag: str | None = None,
    q: str | None = None,
    only: Sequence[str] | None = None,
    limit: int = 100,
) -> list[Agent]:
    """Agents by name, those after the name `after`; the filters that are given must all fit. `q` is what the name or
    the site holds, `only` names them."""
    async with db.reader() as connection:
        given = {"state": state, "duty": duty, "tag": tag, "q": q, "only": only}
        rows = db.queries.agents_page(connection, after=after, most=limit, **given)
        return [_agent(row) async for row in rows]


async def all_agents(db: Database, *, state: str | None = None) -> list[Agent]:
    """Every agent by name, read in pages."""
    found: list[Agent] = []
    while part := await page(db, after=found[-1].jid if found else "", state=state, limit=1_000):
        found += part
    return found


async def seen(db: Database, jid: str, *, at: int | None = None, state: str = "pending") -> tuple[str, bool]:
    """Note that an agent was seen; one never seen before is registered in `state`. (its state, whether it is new)."""
    async with db.writer() as connection:
        row = await db.queries.agents_seen(connection, jid=jid, state=state, at=_now() if at is None else at)
    return row["state"], row["new"]


async def approve(db: Database, jid: str) -> None:
    """Let an agent deliver checks, also one never seen."""
    await set_state(db, jid, "approved")


async def revoke(db: Database, jid: str) -> None:
    """Take nothing from an agent any more; what it delivered stays proven."""
    await set_state(db, jid, "revoked")


async def set_state(db: Database, jid: str, state: str) -> None:
    """Set the state (one of AGENT_STATES) of an agent, known or not."""
    async with db.writer() as connection:
        await db.queries.agents_set_state(connection, jid=jid, state=state, at=_now())


async def describe(
    db: Database,
    jid: str,
    *,
    duties: Iterable[str] | None = None,
    tags: Iterable[str] | None = None,
    site: str | None = None,
    version: str | None = None,
) -> None:
    """Keep what an agent says of itself; what is not given stays."""
    async with db.writer() as connection:
        await db.queries.agents_describe(
            connection,
            jid=jid,
            duties=None if duties is None else list(duties),
            tags=None if tags is None else list(tags),
            site=site,
            version=version,
        )


async def set_behaviours(db: Database, jid: str, behaviours: Iterable[Behaviour]) -> None:
    """Replace the behaviours of an agent by what it reports now."""
    async with db.writer() as connection:
        await db.queries.agents_behaviours(connection, jid=jid, behaviours=[asdict(one) for one in behaviours])


async def count_checks(db: Database, counts: Mapping[str, tuple[int, int]]) -> None:
    """Add to the counters: `{jid: (checks more, time of the last, microseconds)}`. Unknown names are left out."""
    if not counts:
        return
    async with db.writer() as connection:
        await db.queries.agents_count_checks(
            connection,
            jids=list(counts),
            addeds=[added for added, _ in counts.values()],
            lasts=[last for _, last in counts.values()],
        )


async def checks_of(db: Database, jid: str) -> int:
    """How many checks an agent delivered, as far as they were counted."""
    async with db.reader() as connection:
        return await db.queries.agents_checks(connection, jid=jid) or 0


async def newer(db: Database) -> dict[str, int]:
    """The keys in checks that this version does not read, the commonest first, and how many agents add each."""
    async with db.reader() as connection:
        return {row["key"]: row["agents"] async for row in db.queries.agents_newer(connection)}


async def add_up_time(db: Database, rows: Sequence[tuple[str, date, float]]) -> None:
    """Add seconds of availability, (jid, day, seconds) each; a pair may stand there once."""
    if not rows:
        return
    async with db.writer() as connection:
        await db.queries.agents_up(
            connection,
            jids=[jid for jid, _, _ in rows],
            days=[day for _, day, _ in rows],
            seconds=[seconds for _, _, seconds in rows],
        )


async def history(db: Database, jid: str, since: date) -> list[tuple[date, float]]:
    """Seconds available by day, from `since` on."""
    async with db.reader() as connection:
        return [(row["day"], row["up_s"]) async for row in db.queries.agents_days(connection, jid=jid, since=since)]


def _now() -> int:
    return time.time_ns() // 1_000


def _agent(row: Any) -> Agent:
    values = dict(row)
    for listed in ("duties", "tags", "unread"):
        values[listed] = tuple(values[listed])
    values["behaviours"] = tuple(Behaviour(**one) for one in values["behaviours"])
    return Agent(**values)
