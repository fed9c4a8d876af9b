"""Silences and maintenance windows: set, ended, listed; each act stands in the audit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal

from pumpkin.errors import InvalidRequest, NotFound
from pumpkin.model.alerts.muting import Matcher, Mute, Span
from pumpkin.store import audit
from pumpkin.store.alerts import clean

if TYPE_CHECKING:
    from pumpkin.store.database import Database


async def add(
    db: Database, kind: Literal["silence", "maintenance"], matcher: Matcher, span: Span, *, who: str, reason: str
) -> Mute:
    """Keep alerts mute. InvalidRequest without a reason, or for a time that is over."""
    at, why = _now(), clean(reason)
    if not why:
        raise InvalidRequest("Say why.", fields={"body.reason": "missing"})
    ends = int(span.ends.timestamp() * 1e6)
    if ends <= at:
        raise InvalidRequest("It ends in the past.", fields={"body.ends": "in the past"})
    async with db.writer() as connection, connection.transaction():
        row = await db.queries.mutes_add(
            connection,
            kind=kind,
            matcher=matcher.model_dump(mode="json", exclude_defaults=True),
            span=span.model_dump(mode="json"),
            ends=ends,
            reason=why,
            who=who,
            created=at,
        )
        made = _mute(row)
        await _audit(db, connection, at, who, f"{kind}.added", made, {"reason": why, "matcher": matcher.words()})
    return made


async def end(db: Database, number: int, *, who: str) -> Mute:
    """End one before its time. NotFound where there is none that holds or will."""
    at = _now()
    async with db.writer() as connection, connection.transaction():
        row = await db.queries.mutes_end(connection, id=number, at=at, who=who)
        if row is None:
            raise NotFound("There is no such silence or window, or it is over.")
        ended = _mute(row)
        await _audit(db, connection, at, who, f"{ended.kind}.ended", ended, {})
    return ended


async def standing(db: Database) -> list[Mute]:
    """Those that hold or will, oldest first."""
    async with db.reader() as connection:
        return [_mute(row) async for row in db.queries.mutes_standing(connection, now=_now())]


async def page(db: Database, *, before: int | None = None, limit: int = 100) -> list[Mute]:
    """All of them, newest first, below the number `before`."""
    async with db.reader() as connection:
        rows = db.queries.mutes_page(connection, before=2**62 if before is None else before, most=limit)
        return [_mute(row) async for row in rows]


async def _audit(db: Database, connection: Any, at: int, who: str, act: str, mute: Mute, detail: Any) -> None:
    await db.queries.audit_add(connection, at=at, who=who, act=act, object=mute.name, detail=detail)
    audit.written(act)
    await db.queries.alerts_acted(connection)


def _mute(row: Any) -> Mute:
    values = dict(row)
    del values["ends"]
    values["matcher"] = Matcher.model_validate(values["matcher"])
    values["span"] = Span.model_validate(values["span"])
    return Mute(**values)


def _now() -> int:
    return time.time_ns() // 1_000
