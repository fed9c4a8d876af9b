"""Witnesses, the keys they are known by, and their signatures under the log's checkpoints."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumpkin.errors import Forbidden

if TYPE_CHECKING:
    from pumpkin.store.database import Database


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A witness's newest (or one) signature: `size` of the checkpoint, its `line`, when it says it signed (seconds
    since 1970). `size`, `line` and `at` are None for a witness that has not signed yet."""

    witness: str
    vkey: str
    kind: str
    size: int | None
    line: str | None
    at: int | None


async def add(db: Database, *, witness: str, vkey: str, kind: str, size: int, line: str, at: int) -> None:
    """Keep a signature that was verified by `vkey`. Forbidden where the witness is known by another key."""
    async with db.writer() as connection:
        known = await db.queries.cosignatures_witness(
            connection, name=witness, vkey=vkey, kind=kind, first_seen=time.time_ns() // 1_000
        )
        if known != vkey:
            raise Forbidden(f"The witness {witness} is known by another key.")
        await db.queries.cosignatures_add(connection, size=size, witness=witness, line=line, at=at)


async def of(db: Database, sizes: Iterable[int]) -> list[Cosigned]:
    """The signatures under the checkpoints of these sizes, by size and witness."""
    wanted = sorted(set(sizes))
    if not wanted:
        return []
    async with db.reader() as connection:
        return [Cosigned(**row) async for row in db.queries.cosignatures_of(connection, sizes=wanted)]


async def newest(db: Database) -> list[Cosigned]:
    """Every witness with its newest signature."""
    async with db.reader() as connection:
        return [Cosigned(**row) async for row in db.queries.cosignatures_newest(connection)]
