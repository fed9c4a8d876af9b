"""Addresses to be told that an analysis ended: claimed for a while, told or tried again, and then forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from pumpkin.store.database import Database


@dataclass(frozen=True, slots=True)
class Due:
    """One address that is to be told now, for the `tries`-th time, and the task it waits for as it ended."""

    id: int
    url: str
    tries: int
    task: int
    uuid: UUID
    purl: str
    state: str
    outcome: str | None
    report: int | None

    @property
    def body(self) -> dict[str, Any]:
        """What is told."""
        return {
            "task_id": self.task,
            "uuid": str(self.uuid),
            "purl": self.purl,
            "status": self.state,
            "outcome": self.outcome,
            "report_id": self.report,
        }


async def claim(db: Database, *, lease_s: float, most: int) -> list[Due]:
    """Those due, at most `most`, which no other process tells within `lease_s` seconds."""
    async with db.writer() as connection:
        rows = db.queries.webhooks_claim(connection, lease=int(lease_s * 1e6), most=most)
        found = [dict(row) async for row in rows]
    vault = db.vault
    return [Due(**{**row, "url": vault.open(row["url"], "webhook") if vault else row["url"]}) for row in found]


async def again(db: Database, which: Due, pause_s: float) -> None:
    """It was not reached: try again after a pause."""
    async with db.writer() as connection:
        await db.queries.webhooks_again(connection, id=which.id, pause=int(pause_s * 1e6))


async def done(db: Database, which: Due) -> None:
    """It was told, or is given up."""
    async with db.writer() as connection:
        await db.queries.webhooks_done(connection, id=which.id)
