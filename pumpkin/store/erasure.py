"""Erasure: what a check said is forgotten, that it was said stays proven, and who had it forgotten is kept."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from pumpkin.store import audit

if TYPE_CHECKING:
    from pumpkin.store.database import Database


@dataclass(frozen=True, slots=True)
class Erased:
    """When a check's payload was erased (microseconds), by whom, and why as they put it."""

    at: int
    who: str
    reason: str


async def erase(db: Database, check_id: UUID, *, who: str, reason: str) -> int | None:
    """Forget the payload of a check with all that would let it be guessed, and note the act, in one statement. The
    check's place in the log; None for no such check, or one that is erased already."""
    async with db.writer() as connection:
        seq: int | None = await db.queries.erasure_erase(
            connection, id=check_id, at=time.time_ns() // 1_000, who=who, reason=reason.replace("\x00", "")[:1_000]
        )
    if seq is not None:
        audit.written("erase")
    return seq


async def of(db: Database, check_id: UUID) -> Erased | None:
    """Who erased a check's payload, and when; None where nobody did (or before acts were noted)."""
    async with db.reader() as connection:
        row = await db.queries.erasure_of(connection, id=str(check_id))
    return Erased(**row) if row else None
