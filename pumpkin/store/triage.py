"""What people said of findings, each word also an act in the audit trail."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pumpkin.model.marks import Mark, State
from pumpkin.store import audit

if TYPE_CHECKING:
    from pumpkin.store.database import Database


async def put(
    db: Database, *, package: str, finding: UUID, state: str, reason: str, by: str, until: datetime | None = None
) -> None:
    """Keep a word on a finding (`reviewed` or `suppressed`), in place of an earlier one; `until` aware or None."""
    async with db.writer() as connection:
        await db.queries.triage_put(
            connection, package=package, finding=finding, state=state, reason=reason, by=by, until=until
        )
    detail = {"finding": str(finding), "reason": reason, "until": until.isoformat() if until else None}
    await audit.add(db, who=by, act=f"triage.{state}", object=package, detail=detail)


async def drop(db: Database, *, package: str, finding: UUID, by: str) -> bool:
    """Take a word back; False when there was none."""
    async with db.writer() as connection:
        row = await db.queries.triage_drop(connection, package=package, finding=finding)
    if row is None:
        return False
    await audit.add(db, who=by, act="triage.removed", object=package, detail={"finding": str(finding)})
    return True


async def marks(db: Database, package: str) -> list[Mark]:
    """The words on a package's findings (`pypi/six`), as the analysis applies them."""
    rows = await of(db, package)
    return [Mark(**{**row, "state": State(row["state"])}) for row in rows]


async def of(db: Database, package: str | None = None, limit: int = 500) -> list[dict[str, Any]]:
    """The words on a package's findings, or all of them, newest first, as rows."""
    async with db.reader() as connection:
        if package is None:
            rows = db.queries.triage_all(connection, most=limit)
        else:
            rows = db.queries.triage_of(connection, package=package)
        return [dict(row) async for row in rows]
