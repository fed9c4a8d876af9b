"""Where each ad hoc module stands in the log, what it tried, and what its target refused for good."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

if TYPE_CHECKING:
    from pumpkin.store.database import Database

CHANNEL = "pumpkin_modules"
"""What is said there is a module's name: somebody asked something of it."""
TRIES_KEPT = 300
EVENTS_KEPT = 1_000_000


@dataclass(frozen=True, slots=True)
class Standing:
    """A module's row. `seq` is the next place of the log it looks at, `event` the last event it is past; `attempt`
    counts the failures in a row of what is at the head, `not_before` (microseconds) when it is tried next; `lost`
    counts events dropped before they were delivered, `refused` dead letters ever made."""

    name: str
    kind: str
    made: int
    seq: int
    event: int
    delivered: int
    retries: int
    refused: int
    lost: int
    attempt: int
    not_before: int
    paused: bool
    last_success: int | None
    last_error: str
    last_error_at: int | None
    dead: int = 0
    behind: int = 0
    events_behind: int = 0


@dataclass(frozen=True, slots=True)
class Try:
    """One try: when, how it ended, of how many items, in how many seconds."""

    n: int
    at: int
    outcome: Literal["delivered", "refused", "failed"]
    items: int
    took: float
    subject: str
    error: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An item its target refused for good: of the log (`seq`) or an event (`event`, `event_at`, `data`). `again` while
    it waits to be tried once more."""

    id: int
    module: str
    delivery: UUID
    topic: str
    subject: str
    seq: int | None
    event: UUID | None
    event_at: int | None
    data: Mapping[str, Any] | None
    reason: str
    tries: int
    first: int
    last: int
    again: bool
    record: UUID | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """What becomes a dead letter."""

    delivery: UUID
    topic: str
    subject: str
    reason: str
    tries: int
    seq: int | None = None
    event: UUID | None = None
    event_at: int | None = None
    data: Mapping[str, Any] | None = None


def now_us() -> int:
    return time.time_ns() // 1_000


async def enrol(db: Database, name: str, kind: str, *, beginning: bool) -> Standing:
    """The module's row; a new one stands at the end of the log, or at its `beginning`."""
    async with db.writer() as connection:
        row = await db.queries.deliveries_enrol(connection, name=name, kind=kind, beginning=beginning, now=now_us())
    return Standing(**dict(row))


async def get(db: Database, name: str) -> Standing | None:
    async with db.reader() as connection:
        row = await db.queries.deliveries_get(connection, name=name)
    return Standing(**dict(row)) if row else None


async def everything(db: Database) -> list[Standing]:
    """Every module's row by name, those that are configured no longer too."""
    async with db.reader() as connection:
        return [Standing(**dict(row)) async for row in db.queries.deliveries_all(connection)]


async def forget(db: Database, name: str) -> bool:
    """Drop a module's row with its dead letters and tries; False when there is none."""
    async with db.writer() as connection:
        return await db.queries.deliveries_forget(connection, name=name) is not None


async def log(
    db: Database, start: int, stop: int, *, kinds: Sequence[str], types: Sequence[str] | None, limit: int
) -> list[dict[str, Any]]:
    """Heads of at most `limit` checks at the places `start` up to (not with) `stop`, in order."""
    async with db.reader() as connection:
        rows = db.queries.deliveries_log(
            connection, seq=start, stop=stop, kinds=list(kinds), types=list(types) if types else None, most=limit
        )
        return [dict(row) async for row in rows]


async def payloads(db: Database, places: Sequence[int]) -> dict[int, bytes | None]:
    """The payloads at these places of the log."""
    if not places:
        return {}
    async with db.reader() as connection:
        rows = db.queries.deliveries_payloads(connection, seqs=list(places))
        return {row["seq"]: row["payload"] async for row in rows}


async def events(db: Database, after: int, topics: Sequence[str], limit: int) -> list[dict[str, Any]]:
    """Events after the number `after`, in order."""
    async with db.reader() as connection:
        rows = db.queries.deliveries_events(connection, event=after, topics=list(topics), most=limit)
        return [dict(row) async for row in rows]


async def add_events(db: Database, several: Sequence[tuple[str, int, Mapping[str, Any]]]) -> None:
    """Keep events (topic, time in microseconds, data) for the modules."""
    async with db.writer() as connection:
        rows = [{"topic": topic, "at": at, "data": dict(data)} for topic, at, data in several]
        await db.queries.deliveries_add_events(connection, rows)


async def tidy_events(db: Database, names: Sequence[str], most: int = EVENTS_KEPT) -> list[str]:
    """Drop the events that all these modules are past, and the oldest beyond `most`; the modules that lost some."""
    async with db.writer() as connection:
        return [
            row["name"] async for row in db.queries.deliveries_tidy_events(connection, names=list(names), most=most)
        ]


async def advance(
    db: Database,
    stood: Standing,
    *,
    seq: int,
    event: int,
    delivered: int = 0,
    refusals: Sequence[Refusal] = (),
) -> bool:
    """Move on, and bury what was refused, in one transaction; False when the module stands elsewhere by now."""
    now = now_us()
    if not refusals:
        async with db.writer() as connection:
            return await db.queries.deliveries_advance(
                connection, name=stood.name, from_seq=stood.seq, from_event=stood.event, seq=seq, event=event,
                delivered=delivered, refused=0, now=now, error=None,
            ) is not None  # fmt: skip
    async with db.writer() as connection, connection.transaction():
        moved = await db.queries.deliveries_advance(
            connection, name=stood.name, from_seq=stood.seq, from_event=stood.event, seq=seq, event=event,
            delivered=delivered, refused=len(refusals), now=now,
            error=refusals[-1].reason if refusals else None,
        )  # fmt: skip
        if moved is None:
            return False
        for one in refusals:
            await db.queries.deliveries_bury(
                connection, module=stood.name, delivery=one.delivery, topic=one.topic, subject=one.subject, seq=one.seq,
                event=one.event, event_at=one.event_at, data=dict(one.data) if one.data is not None else None,
                reason=one.reason, tries=one.tries, now=now,
            )  # fmt: skip
    return True


async def failed(db: Database, name: str, *, attempt: int, not_before: int, error: str) -> None:
    """A try failed; the next is not before `not_before` (microseconds)."""
    async with db.writer() as connection:
        await db.queries.deliveries_failed(
            connection, name=name, attempt=attempt, not_before=not_before, error=error, now=now_us()
        )


async def tried(
    db: Database, name: str, outcome: str, *, items: int, took_s: float, subject: str, error: str = ""
) -> None:
    """Note a try for the page."""
    async with db.writer() as connection:
        await db.queries.deliveries_try(
            connection,
            module=name,
            at=now_us(),
            outcome=outcome,
            items=items,
            took=took_s,
            subject=subject,
            error=error,
        )


async def tidy_tries(db: Database, name: str) -> None:
    """Keep the newest tries only."""
    async with db.writer() as connection:
        await db.queries.deliveries_tidy_tries(connection, module=name, most=TRIES_KEPT)


async def tries(db: Database, name: str, limit: int = 50) -> list[Try]:
    """The newest tries first."""
    async with db.reader() as connection:
        return [Try(**dict(row)) async for row in db.queries.deliveries_tries(connection, module=name, most=limit)]


async def dead(db: Database, name: str, *, before: int | None = None, limit: int = 50) -> list[DeadLetter]:
    """Dead letters, the newest first, below the id `before`."""
    async with db.reader() as connection:
        below = before if before is not None else 2**63 - 1
        rows = db.queries.deliveries_dead(connection, module=name, before=below, most=limit)
        return [DeadLetter(**dict(row)) async for row in rows]


async def dead_one(db: Database, name: str, number: int) -> DeadLetter | None:
    async with db.reader() as connection:
        row = await db.queries.deliveries_dead_one(connection, module=name, id=number)
    return DeadLetter(**dict(row)) if row else None


async def dead_again(db: Database, name: str, limit: int = 20) -> list[DeadLetter]:
    """Dead letters that are to be tried again, in their order."""
    async with db.reader() as connection:
        rows = db.queries.deliveries_dead_again(connection, module=name, most=limit)
        return [DeadLetter(**dict(row)) async for row in rows]


async def retry(db: Database, name: str, number: int | None = None) -> int:
    """Have a dead letter tried again (all without `number`), and what waits now; how many dead letters."""
    async with db.writer() as connection:
        count = await db.queries.deliveries_retry(connection, module=name, id=number)
        await db.queries.deliveries_hurry(connection, name=name)
        await db.queries.listening_say(connection, channel=CHANNEL, payload=name)
    return int(count)


async def discard(db: Database, name: str, number: int | None = None) -> int:
    """Drop a dead letter (all without `number`); how many."""
    async with db.writer() as connection:
        return int(await db.queries.deliveries_discard(connection, module=name, id=number))


async def pause(db: Database, name: str, *, paused: bool) -> bool:
    """Stop or go on delivering; False for an unknown module."""
    async with db.writer() as connection:
        found = await db.queries.deliveries_pause(connection, name=name, paused=paused)
        await db.queries.listening_say(connection, channel=CHANNEL, payload=name)
    return found is not None


async def risen(db: Database, letter: DeadLetter) -> None:
    """A dead letter was delivered after all."""
    async with db.writer() as connection:
        await db.queries.deliveries_risen(connection, id=letter.id, now=now_us())


async def buried_again(db: Database, letter: DeadLetter, reason: str) -> None:
    """It was refused once more."""
    async with db.writer() as connection:
        await db.queries.deliveries_buried_again(connection, id=letter.id, reason=reason, now=now_us())
