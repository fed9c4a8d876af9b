"""Alerts and what happened to them: each step in one statement that says whether it was still to be made."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pumpkin.errors import Conflict, InvalidRequest, NotFound
from pumpkin.model.alerts import Alert, AlertEvent, Link, Subject, told, topic
from pumpkin.model.alerts.book import Change
from pumpkin.store import audit

if TYPE_CHECKING:
    from pumpkin.store.database import Database

STANDING_LIMIT = 20_000
EVENTS_LIMIT = 500
REASON_LIMIT = 1_000


@dataclass(frozen=True, slots=True)
class Untold:
    """An event that is not in the log yet: what it will say there and on the bus."""

    n: int
    alert: UUID
    event: str
    at: int
    who: str
    detail: Mapping[str, Any]
    topic: str
    told: Mapping[str, Any]


# -- what the correlator writes


async def apply(connection: Any, queries: Any, changes: Sequence[Change]) -> int:
    """Write changes on a connection inside a transaction; how many were still to be made. What somebody else was
    faster with is left out."""
    made = 0
    for one in changes:
        alert = one.alert
        ids, seqs = [link.id for link in alert.checks], [link.seq for link in alert.checks]
        row: Any
        if one.event == "opened":
            row = await queries.alerts_open(
                connection,
                **{name: getattr(alert, name) for name in ("id", "rule", "kind", "key", "severity", "message")},
                **{name: getattr(alert.subject, name) for name in ("agent", "type", "target", "site")},
                labels=dict(alert.subject.labels),
                **{
                    name: getattr(alert, name) for name in ("value", "count", "muted", "announced", "opened", "updated")
                },
                recipients=list(alert.to),
                check_ids=ids,
                check_seqs=seqs,
            )
        elif one.event == "repeated":
            row = await queries.alerts_count(
                connection,
                id=alert.id,
                count=alert.count,
                value=alert.value,
                updated=alert.updated,
                check_ids=ids,
                check_seqs=seqs,
            )
        elif one.event in ("muted", "unmuted"):
            row = await queries.alerts_mute(
                connection, id=alert.id, muted=alert.muted, announced=alert.announced, updated=alert.updated
            )
        elif one.event == "escalated":
            row = await queries.alerts_escalate(
                connection,
                id=alert.id,
                step=alert.step,
                severity=alert.severity,
                recipients=list(alert.to),
                updated=alert.updated,
            )
        else:
            row = await queries.alerts_end(
                connection, id=alert.id, at=one.at, who=one.who, why=alert.why, check_ids=ids, check_seqs=seqs
            )
        if row is not None:
            made += 1
            if one.event != "repeated":
                await _note(connection, queries, read(row), one.event, one.at, one.who, one.detail)
    return made


async def acted(db: Database, alert: UUID, at: int, detail: Mapping[str, Any]) -> None:
    """Note what a rule did about an alert."""
    async with db.writer() as connection:
        row = await db.queries.alerts_get(connection, id=alert)
        if row is not None:
            await _note(connection, db.queries, read(row), "acted", at, "rule", detail)


async def untold(db: Database) -> list[Untold]:
    """Events that are not in the log yet, oldest first, at most a hundred."""
    async with db.reader() as connection:
        return [Untold(**row) async for row in db.queries.alerts_untold(connection)]


async def told_all(db: Database, places: Sequence[tuple[int, UUID | None, int]]) -> None:
    """These events (number, check, its place) stand in the log and were told."""
    async with db.writer() as connection:
        await db.queries.alerts_told(
            connection,
            ns=[one[0] for one in places],
            check_ids=[one[1] for one in places],
            seqs=[one[2] for one in places],
        )


async def standing(db: Database) -> list[Alert]:
    """The alerts that stand, oldest first."""
    async with db.reader() as connection:
        return [read(row) async for row in db.queries.alerts_standing(connection, most=STANDING_LIMIT)]


# -- what people do; each act is in the audit as well


async def acknowledge(db: Database, alert: UUID, who: str, note: str = "") -> Alert:
    """Somebody looks after it. Conflict where it is not open, NotFound where there is none."""
    return await _act(db, alert, "acknowledged", who, note)


async def resolve(db: Database, alert: UUID, who: str, note: str = "") -> Alert:
    """Somebody says that it is over. A check that breaks the rule anew opens another alert."""
    return await _act(db, alert, "resolved", who, note)


async def comment(db: Database, alert: UUID, who: str, text: str) -> Alert:
    """Say something about it, also when it is over. InvalidRequest where nothing is said."""
    if not clean(text):
        raise InvalidRequest("A comment says something.", fields={"body.text": "empty"})
    return await _act(db, alert, "commented", who, text)


async def _act(db: Database, alert: UUID, event: str, who: str, text: str) -> Alert:
    at = time.time_ns() // 1_000
    said = clean(text)
    async with db.writer() as connection, connection.transaction():
        queries = db.queries
        if event == "acknowledged":
            row = await queries.alerts_acknowledge(connection, id=alert, at=at, who=who)
        elif event == "resolved":
            row = await queries.alerts_resolve(connection, id=alert, at=at, who=who, why=said)
        else:
            row = await queries.alerts_get(connection, id=alert)
        if row is None:
            if await queries.alerts_get(connection, id=alert) is None:
                raise NotFound("There is no such alert.")
            raise Conflict(
                "The alert is not open any more." if event == "acknowledged" else "The alert is over already."
            )
        found = read(row)
        await _note(connection, queries, found, event, at, who, {"text": said} if said else {})
        await queries.audit_add(
            connection, at=at, who=who, act=f"alert.{event}", object=f"alert:{alert}", detail={"text": said}
        )
        audit.written(f"alert.{event}")
        await queries.alerts_acted(connection)
    return found


async def _note(
    connection: Any, queries: Any, alert: Alert, event: str, at: int, who: str, detail: Mapping[str, Any]
) -> None:
    made = AlertEvent(0, alert.id, event, at, who, dict(detail))
    await queries.alerts_event(
        connection,
        alert=alert.id,
        event=event,
        at=at,
        who=who,
        detail=dict(detail),
        topic=topic(alert, event),
        told=told(alert, made),
    )


# -- what is read


async def get(db: Database, alert: UUID) -> Alert | None:
    async with db.reader() as connection:
        row = await db.queries.alerts_get(connection, id=alert)
    return None if row is None else read(row)


async def events(db: Database, alert: UUID) -> list[AlertEvent]:
    """What happened to an alert, oldest first."""
    async with db.reader() as connection:
        rows = db.queries.alerts_events(connection, alert=alert, most=EVENTS_LIMIT)
        return [AlertEvent(**row) async for row in rows]


async def page(
    db: Database,
    *,
    standing: bool | None = None,
    state: str | None = None,
    rule: str | None = None,
    severity: str | None = None,
    agent: str | None = None,
    target: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Alert]:
    """Alerts newest first, below the number `before`; the filters that are given must all fit."""
    async with db.reader() as connection:
        rows = db.queries.alerts_page(
            connection,
            standing=standing,
            state=state,
            rule=rule,
            severity=severity,
            agent=agent,
            target=target,
            before=2**63 - 1 if before is None else before,
            most=limit,
        )
        return [read(row) async for row in rows]


async def of_check(db: Database, seq: int) -> list[Alert]:
    """The alerts that rest on the check at this place of the log, newest first."""
    async with db.reader() as connection:
        return [read(row) async for row in db.queries.alerts_of_check(connection, seq=seq)]


async def figures(db: Database) -> dict[str, int]:
    """How many alerts stand: `critical, warning, info`; `waiting` of them nobody looks after, `muted` are mute."""
    async with db.reader() as connection:
        return dict(await db.queries.alerts_figures(connection))


async def by_rule(db: Database) -> dict[str, tuple[int, int, int]]:
    """For each rule that ever fired: alerts that stand, alerts in all, when the last one opened."""
    async with db.reader() as connection:
        rows = db.queries.alerts_by_rule(connection)
        return {row["rule"]: (row["standing"], row["every"], row["last"]) async for row in rows}


def read(row: Any) -> Alert:
    """An alert as a row gives it."""
    values = dict(row)
    subject = Subject(**{name: values.pop(name) for name in ("agent", "type", "target", "site", "labels")})
    links = zip(values.pop("check_ids"), values.pop("check_seqs"), strict=True)
    values["to"] = tuple(values.pop("recipients"))
    return replace(Alert(**values, subject=subject), checks=tuple(Link(id, seq) for id, seq in links))


def clean(text: str) -> str:
    """What a person typed, as PostgreSQL can hold it, bounded."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode().strip()[:REASON_LIMIT]
