"""What is assigned to probes, and the order each was made of it: rows; who signs and delivers stands elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pumpkin.model.assignments import Assignment, Targets
from pumpkin.model.updates import Update

if TYPE_CHECKING:
    from pumpkin.store.database import Database

NEWEST = 2**63 - 1
REACH = 200_000
"""How many of the newest checks of the log are looked at for a job's results."""


@dataclass(frozen=True, slots=True)
class Order:
    """An agent's order: `document` and `signature` (hex) as they travel, times in microseconds. `running` is the
    version the agent says it runs (None: it never said), `trouble` why it does not run the newest."""

    jid: str
    version: int
    document: str
    signature: str
    issued: int
    running: int | None = None
    running_digest: str = ""
    told: int | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Placed:
    """An approved agent: what decides which jobs are its own, its order so far (version 0: none), and the
    update it was told."""

    jid: str
    tags: tuple[str, ...]
    duties: tuple[str, ...]
    site: str
    version: int
    document: str
    running: int | None
    update: Update | None = None


async def add(db: Database, job: Mapping[str, Any], targets: Targets, made_by: str) -> int:
    """Assign `job` (as given) from now on; the assignment's number."""
    async with db.writer() as connection:
        number: int = await db.queries.assignments_add(
            connection, job=dict(job), kind=targets.kind, targets=list(targets.names), made_by=made_by, at=_now()
        )
    return number


async def change(db: Database, ident: int, job: Mapping[str, Any]) -> bool:
    """Another job in its place; False when it does not stand."""
    async with db.writer() as connection:
        return await db.queries.assignments_change(connection, id=ident, job=dict(job), at=_now()) is not None


async def end(db: Database, ident: int) -> bool:
    """Take it back; False when it does not stand."""
    async with db.writer() as connection:
        return await db.queries.assignments_end(connection, id=ident, at=_now()) is not None


async def get(db: Database, ident: int) -> Assignment | None:
    """One, standing or ended."""
    async with db.reader() as connection:
        row = await db.queries.assignments_get(connection, id=ident)
    return _assignment(row) if row else None


async def standing(db: Database) -> list[Assignment]:
    """All that stand, oldest first."""
    async with db.reader() as connection:
        return [_assignment(row) async for row in db.queries.assignments_standing(connection)]


async def page(
    db: Database, *, before: int = NEWEST, standing: bool | None = None, limit: int = 50
) -> list[Assignment]:
    """Newest first, below the number `before`; only those that stand (or do not) where `standing` says."""
    async with db.reader() as connection:
        rows = db.queries.assignments_page(connection, before=before, standing=standing, most=limit)
        return [_assignment(row) async for row in rows]


async def results(db: Database, name: str, jids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """By agent its newest check of the job called `name` (id, seq, status, observed, target, type)."""
    async with db.reader() as connection:
        rows = db.queries.assignments_results(connection, job=name, jids=list(jids), reach=REACH)
        return {row["agent"]: dict(row) async for row in rows}


async def placed(db: Database, jid: str | None = None) -> list[Placed]:
    """Every approved agent, or that one if it is."""
    async with db.reader() as connection:
        return [
            Placed(
                row["jid"], tuple(row["tags"]), tuple(row["duties"]), row["site"],
                row["version"] or 0, row["document"] or "", row["running"],
                Update(row["update_id"], row["update_version"], row["update_kits"]) if row["update_id"] else None,
            )
            async for row in db.queries.orders_agents(connection, jid=jid)
        ]  # fmt: skip


async def put_order(db: Database, order: Order) -> None:
    """Keep an agent's order, in place of the one before."""
    async with db.writer() as connection:
        await db.queries.orders_put(
            connection,
            jid=order.jid,
            version=order.version,
            document=order.document,
            signature=order.signature,
            issued=order.issued,
        )


async def order(db: Database, jid: str) -> Order | None:
    """An agent's order."""
    async with db.reader() as connection:
        row = await db.queries.orders_get(connection, jid=jid)
    return Order(**row) if row else None


async def orders_of(db: Database, jids: Sequence[str]) -> dict[str, Order]:
    """The orders of these agents, by JID."""
    async with db.reader() as connection:
        return {row["jid"]: Order(**row) async for row in db.queries.orders_of(connection, jids=list(jids))}


async def runs(db: Database, jid: str, version: int, digest: str, trouble: str) -> None:
    """What an agent says it runs."""
    async with db.writer() as connection:
        await db.queries.orders_running(connection, jid=jid, running=version, digest=digest, trouble=trouble, at=_now())


async def trouble(db: Database, jid: str, why: str) -> None:
    """Why an agent does not take its order."""
    async with db.writer() as connection:
        await db.queries.orders_trouble(connection, jid=jid, trouble=why, at=_now())


def _assignment(row: Mapping[str, Any]) -> Assignment:
    values = dict(row)
    kind, names = values.pop("kind"), values.pop("targets")
    return Assignment(targets=Targets(kind, tuple(names)), **values)


def _now() -> int:
    return time.time_ns() // 1_000
