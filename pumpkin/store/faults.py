"""Faults of the log: what an audit, the sealer or a witness found, until a person settles it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pumpkin.store.database import Database

MOST = 1_000


@dataclass(frozen=True, slots=True)
class LogFault:
    """One fault: `kind` as in `evidence.audit` (or `fork`, `shrunk` by a witness), the first record concerned, who
    found it, more about it (notes that contradict each other), when (microseconds)."""

    n: int
    kind: str
    position: int
    source: str
    detail: Mapping[str, Any]
    found: int
    settled: int | None

    def as_json(self) -> dict[str, Any]:
        return {
            "n": self.n,
            "kind": self.kind,
            "position": self.position,
            "source": self.source,
            "detail": dict(self.detail),
            "found": self.found,
            "settled": self.settled,
        }


async def add(
    db: Database, *, kind: str, position: int, source: str, detail: Mapping[str, Any] | None = None
) -> int | None:
    """Keep a fault; its number, None when this source told the same before."""
    async with db.writer() as connection:
        found: int | None = await db.queries.faults_add(
            connection,
            kind=kind,
            position=position,
            source=source,
            detail=dict(detail or {}),
            found=time.time_ns() // 1_000,
        )
    return found


async def unsettled(db: Database, most: int = MOST) -> list[LogFault]:
    """The faults nobody has settled, by position."""
    async with db.reader() as connection:
        return [LogFault(**row) async for row in db.queries.faults_open(connection, most=most)]


async def after(db: Database, n: int, most: int = MOST) -> list[LogFault]:
    """The faults with a number above `n`, in order."""
    async with db.reader() as connection:
        return [LogFault(**row) async for row in db.queries.faults_after(connection, n=n, most=most)]


async def count(db: Database) -> int:
    """How many are not settled."""
    async with db.reader() as connection:
        return int(await db.queries.faults_count(connection))


async def settle(db: Database, n: int | None = None) -> int:
    """Say that a fault (None: every one) has been looked into; how many that were."""
    async with db.writer() as connection:
        return int(await db.queries.faults_settle(connection, n=n, settled=time.time_ns() // 1_000))
