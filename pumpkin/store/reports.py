"""Reports of analyses: kept for ever, immutable, named by the digest of their bytes."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pumpkin.model.tasks import Ending, Task
from pumpkin.store import tasks

if TYPE_CHECKING:
    from pumpkin.store.database import Database


@dataclass(frozen=True, slots=True)
class NewReport:
    """A report as it is handed in: `document` the JSON bytes that are proven, `artifacts` the SHA-256 (hex) of the
    files it is about, `attachments` name and bytes, `created` in microseconds."""

    document: bytes
    tools: str
    outcome: str
    score: int
    rules: str
    artifacts: tuple[str, ...]
    created: int
    check_id: UUID
    attachments: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """A kept report; `document` is None in lists. `checked` when its check is known to be in the log."""

    id: int
    digest: bytes
    task: int
    owner: str
    realm: str
    purl: str
    ecosystem: str
    name: str
    version: str
    tools: str
    outcome: str
    score: int
    rules: str
    artifacts: tuple[str, ...]
    created: int
    size: int
    check_id: UUID
    checked: bool
    rescored: int | None
    document: bytes | None = None


async def finish(db: Database, task: Task, report: NewReport | None, ending: Ending) -> int | None:
    """Keep a task's report and end the task, both or neither; the report's id (0 where there is none).

    None when the task was no longer this attempt's: then nothing is kept.
    """
    if report is None:
        return 0 if await tasks.end(db, task, ending) else None
    packed = await asyncio.to_thread(zlib.compress, report.document, 6)
    async with db.writer() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            number = await _add(db, connection, task, report, packed, None)
            ours = await tasks.end(db, task, replace(ending, report=number), connection)
        except BaseException:
            await transaction.rollback()
            raise
        await (transaction.commit() if ours else transaction.rollback())
    return number if ours else None


async def add_rescored(db: Database, old: Kept, report: NewReport) -> int:
    """Keep a new verdict over the evidence of `old`; its id."""
    packed = await asyncio.to_thread(zlib.compress, report.document, 6)
    async with db.writer() as connection, connection.transaction():
        return await _add(db, connection, old, report, packed, old.id)


async def _add(
    db: Database, connection: Any, of: Task | Kept, report: NewReport, packed: bytes, rescored: int | None
) -> int:
    task_id = of.id if isinstance(of, Task) else of.task
    number: int = await db.queries.reports_add(
        connection, digest=hashlib.sha256(report.document).digest(), task=task_id, owner=of.owner, realm=of.realm,
        purl=of.purl, ecosystem=of.ecosystem, name=of.name, version=of.version, tools=report.tools,
        outcome=report.outcome, score=report.score, rules=report.rules, artifacts=list(report.artifacts),
        created=report.created, size=len(report.document), document=packed, check_id=report.check_id, rescored=rescored,
    )  # fmt: skip
    if report.attachments:
        rows = [
            {"report": number, "digest": hashlib.sha256(content).digest(), "name": name, "content": content}
            for name, content in report.attachments
        ]
        await db.queries.reports_attach(connection, rows)
    return number


async def get(db: Database, number: int) -> Kept | None:
    """The report with this id."""
    if not 0 < number < 2**63:
        return None
    async with db.reader() as connection:
        row = await db.queries.reports_get(connection, id=number)
    return _kept(row) if row else None


async def by_digest(db: Database, digest: bytes) -> Kept | None:
    """The report with these bytes."""
    async with db.reader() as connection:
        row = await db.queries.reports_by_digest(connection, digest=digest)
    return _kept(row) if row else None


async def latest(db: Database, ecosystem: str, name: str, version: str, realms: Sequence[str] = ("",)) -> Kept | None:
    """The newest report of a package version among those of these realms."""
    async with db.reader() as connection:
        row = await db.queries.reports_latest(
            connection, ecosystem=ecosystem, name=name, version=version, realms=list(realms)
        )
    return _kept(row) if row else None


async def listed(
    db: Database,
    *,
    ecosystem: str | None = None,
    name: str | None = None,
    version: str | None = None,
    realms: Sequence[str] = ("",),
    skip: int = 0,
    limit: int = 100,
) -> list[Kept]:
    """Reports of a package (or of all), newest first, without their documents."""
    async with db.reader() as connection:
        rows = db.queries.reports_of(
            connection,
            ecosystem=ecosystem,
            name=name,
            version=version,
            realms=list(realms),
            skip=min(skip, 2**62),
            most=limit,
        )
        return [_kept(row) async for row in rows]


async def unchecked(db: Database, limit: int = 100) -> list[Kept]:
    """Reports whose check may not be in the log yet."""
    async with db.reader() as connection:
        return [_kept(row) async for row in db.queries.reports_unchecked(connection, most=limit)]


async def mark_checked(db: Database, number: int) -> None:
    """Its check is in the log."""
    async with db.writer() as connection:
        await db.queries.reports_checked(connection, id=number)


async def attachments(db: Database, number: int) -> list[tuple[str, str, int]]:
    """(SHA-256 in hex, name, size) of what a report lets one download."""
    async with db.reader() as connection:
        rows = db.queries.reports_attachments(connection, report=number)
        return [(row["digest"].hex(), row["name"], row["size"]) async for row in rows]


async def attachment(db: Database, number: int, digest: bytes) -> tuple[str, bytes] | None:
    """Name and bytes of one of them."""
    async with db.reader() as connection:
        row = await db.queries.reports_attachment(connection, report=number, digest=digest)
    return (row["name"], bytes(row["content"])) if row else None


def _kept(row: Mapping[str, Any]) -> Kept:
    values = dict(row)
    values["artifacts"] = tuple(values["artifacts"])
    if "document" in values:
        values["document"] = zlib.decompress(values["document"])
    return Kept(**values)
