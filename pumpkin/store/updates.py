"""Which probes were told to update themselves, and what they say of it: rows; orders carry it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pumpkin.errors import NotFound
from pumpkin.model.assignments import Targets
from pumpkin.model.updates import Said
from pumpkin.store import assignments, audit

if TYPE_CHECKING:
    from pumpkin.store.database import Database


async def tell(db: Database, targets: Targets, version: str, kits: Mapping[str, str], who: str) -> list[str]:
    """Have the approved agents that are meant update to these kits, and say who had them; their JIDs, sorted. NotFound
    when nobody is meant."""
    meant = [one.jid for one in await assignments.placed(db) if targets.fit(one.jid, one.tags, one.duties, one.site)]
    if not meant:
        raise NotFound(f"No approved agent is meant by {targets.as_text()[:200]}.")
    now = time.time_ns() // 1_000
    async with db.writer() as connection:
        rows = db.queries.updates_tell(connection, jids=meant, id=now, version=version, kits=dict(kits), made_by=who)
        told = sorted([row["jid"] async for row in rows])
    detail = {"version": version, "kits": dict(kits), "targets": targets.as_json(), "agents": len(told)}
    await audit.add(db, who=who, act="agent.update", object=f"update:{now}", detail=detail)
    return told


async def get(db: Database, jid: str) -> Mapping[str, Any] | None:
    """What an agent was told last (`id, version, kits, made_by, state, said`); None when it never was."""
    async with db.reader() as connection:
        row = await db.queries.updates_get(connection, jid=jid)
    return dict(row) if row else None


async def said(db: Database, jid: str, what: Said) -> None:
    """What an agent says of its update; of one that was told another since, nothing is kept."""
    async with db.writer() as connection:
        await db.queries.updates_said(connection, jid=jid, id=what.id, state=what.state, said=what.text)
