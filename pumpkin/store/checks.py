"""Checks: stored in batches without a gap in the log, and read back one, by page or by place."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from pumpkin.errors import CheckConflict, InvalidRequest
from pumpkin.model.checks import Check, Observation, Receipt

if TYPE_CHECKING:
    from pumpkin.store.database import Database

REACH = 20_000
"""How many checks one page looks at for a filter that no index serves (15 ms), before it answers what it has."""


class Sealed(Protocol):
    """What evidence.record.make gives: the record and its hashes."""

    @property
    def record(self) -> bytes: ...
    @property
    def leaf_hash(self) -> bytes: ...
    @property
    def group_hash(self) -> bytes: ...
    @property
    def payload_salt(self) -> bytes: ...
    @property
    def payload_hash(self) -> bytes: ...
    @property
    def content(self) -> bytes: ...


Row = tuple[Observation, int, Sealed]


async def store_batch(db: Database, rows: Sequence[Row]) -> list[Receipt | CheckConflict]:
    """Store observations with their time of receipt and their record, durably, in one transaction.

    Answers for each row in order: a Receipt (`known` when its id was there with equal content, also earlier in this
    batch), or the CheckConflict when it was there with other content. Places in the log are given in the order of
    `rows`. Unavailable when PostgreSQL went away: then it is unknown whether the batch was stored, and sending it again
    is right.
    """
    answers: list[Receipt | CheckConflict | None] = [None] * len(rows)
    waiting: dict[UUID, list[int]] = {}  # places in rows, by id
    for place, (observation, _, _) in enumerate(rows):
        waiting.setdefault(observation.id, []).append(place)
    async with db.writer() as connection:
        while waiting:
            batch = [rows[places[0]] for places in waiting.values()]
            (_, head, _, _), *there = await connection.fetch(db.queries.checks_store.sql, *_columns(batch))
            for check_id, seq, received, content in there:
                for place in waiting.pop(check_id):
                    same = rows[place][2].content == content
                    answers[place] = Receipt(check_id, seq, True, received) if same else CheckConflict()
            if there:
                continue  # nothing was stored: once more without them
            for seq, (check_id, (place, *repeats)) in enumerate(waiting.items(), head):
                _, received, sealed = rows[place]
                answers[place] = Receipt(check_id, seq, False, received)
                for repeat in repeats:
                    same = rows[repeat][2].content == sealed.content
                    answers[repeat] = Receipt(check_id, seq, True, received) if same else CheckConflict()
            break
    return answers  # type: ignore[return-value]


def is_content_fault(error: BaseException) -> bool:
    """Whether a write failed because of what was to be written, and would fail again anywhere: it fits no column (the
    driver says so), or PostgreSQL refused it (SQLSTATE classes 22 and 54, a check constraint, a null)."""
    if isinstance(error, InvalidRequest):  # text with U+0000, named as such already
        return True
    state = str(getattr(error, "sqlstate", None) or "")
    return isinstance(error, ValueError | TypeError) or state[:2] in {"22", "54"} or state in {"23502", "23514"}


def _columns(rows: Sequence[Row]) -> tuple[list[Any] | None, ...]:
    """The arrays of store_checks, in its order; None for one whose checks all leave it at its default."""
    seen = [row[0] for row in rows]
    sealed = [row[2] for row in rows]
    return (
        [one.id for one in seen],
        _unless("check", [one.kind for one in seen]),
        [one.type for one in seen],
        [one.format for one in seen],
        [one.agent for one in seen],
        _unless(None, [one.key_id for one in seen]),
        [one.observed for one in seen],
        [row[1] for row in rows],
        _unless(None, [one.after for one in seen]),
        _unless(None, [one.signature for one in seen]),
        _unless(None, [one.detail or None for one in seen]),
        _unless(None, [one.wire for one in seen]),
        [one.payload for one in seen],
        [one.media for one in seen],
        _unless(False, [one.direct for one in seen]),
        _unless(False, [one.encrypted for one in seen]),
        [one.record for one in sealed],
        [b"".join((s.payload_salt, s.payload_hash, s.content, s.leaf_hash, s.group_hash)) for s in sealed],
    )


def _unless(default: Any, column: list[Any]) -> list[Any] | None:
    return None if column.count(default) == len(column) else column


async def get(db: Database, check_id: UUID) -> Check | None:
    """The check with this id, whole."""
    async with db.reader() as connection:
        row = await db.queries.checks_get(connection, id=check_id)
    return _check(row) if row else None


async def by_seq(db: Database, seq: int) -> Check | None:
    """The check at this place of the log (from 0), whole."""
    if not 0 <= seq < 2**63:
        return None
    async with db.reader() as connection:
        row = await db.queries.checks_by_seq(connection, seq=seq)
    return _check(row) if row else None


async def many(db: Database, ids: Sequence[UUID]) -> list[Check]:
    """The checks with these ids, whole, in log order; unknown ids are left out."""
    async with db.reader() as connection:
        return [_check(row) async for row in db.queries.checks_many(connection, ids=list(ids))]


async def page(
    db: Database,
    *,
    type: str | None = None,
    agent: str | None = None,
    target: str | None = None,
    status: str | None = None,
    since: int | None = None,
    until: int | None = None,
    q: str | None = None,
    labels: Mapping[str, str] | None = None,
    limit: int = 100,
    cursor: str | None = None,
) -> tuple[list[Check], str | None]:
    """Checks newest first without their payloads, and the cursor of the next page (None at the end).

    `since` and `until` bound the observed time (microseconds, from and before); `q` is looked for in target, type and
    agent. With `q`, or with what is ok, a page may hold fewer than `limit`, even none, and still have a next one: it
    looks at no more than REACH checks. InvalidRequest for a cursor that is none of ours.
    """
    served = q is None and status != "ok"
    async with db.reader() as connection:
        before = _place(cursor) if cursor else await db.queries.checks_size(connection)
        reach = before if served else REACH
        found = [
            _check(row)
            async for row in db.queries.checks_page(
                connection,
                before=before,
                reach=reach,
                type=type,
                agent=agent,
                target=target,
                status=status,
                since=since,
                until=until,
                labels=dict(labels) if labels else None,
                q=q,
                most=limit,
            )
        ]
    end = found[-1].seq if len(found) == limit and found else before - reach
    return found, f"s{end}" if end > 0 else None


def _place(cursor: str) -> int:
    digits = cursor[1:]
    if not cursor.startswith("s") or not (digits.isascii() and digits.isdigit()) or len(digits) > 18:
        raise InvalidRequest("The cursor is not one of a page before.", fields={"cursor": "not a cursor"})
    return int(digits)


async def items(db: Database, skip: int, limit: int, q: str | None = None) -> list[Check]:
    """Checks in insertion order, whole, after `skip`; with `q` only those whose payload is this text, exactly."""
    if skip >= 2**62:
        return []
    async with db.reader() as connection:
        if q is None:
            rows = db.queries.checks_items(connection, skip=skip, most=limit)
        else:
            digest = hashlib.sha256(q.encode("utf-8", "surrogatepass")).digest()
            rows = db.queries.checks_items_by_payload(connection, payload_hash=digest, skip=skip, most=limit)
        return [_check(row) async for row in rows]


async def portions(db: Database, skip: int, limit: int, most_bytes: int) -> list[tuple[int, int]]:
    """What `items(db, skip, limit)` would read, as (skip, limit) of consecutive portions, each of one check or of so
    many that their payloads stay below `most_bytes`."""
    if skip >= 2**62:
        return []
    async with db.reader() as connection:
        sizes = [row[0] for row in await connection.fetch(db.queries.checks_sizes.sql, skip, limit)]
    cut: list[tuple[int, int]] = []
    held = most_bytes
    for place, size in enumerate(sizes, skip):
        if held + size >= most_bytes:
            cut.append((place, 0))
            held = 0
        cut[-1] = (cut[-1][0], cut[-1][1] + 1)
        held += size
    return cut


async def weight(db: Database, ids: Sequence[UUID]) -> int:
    """How many bytes of payload the checks with these ids hold in all."""
    async with db.reader() as connection:
        return int(await db.queries.checks_weight(connection, ids=list(ids)))


async def size(db: Database) -> int:
    """How many checks the log holds."""
    async with db.reader() as connection:
        return int(await db.queries.checks_size(connection))


async def leaves(db: Database, start: int, stop: int) -> list[tuple[bytes, bytes]]:
    """(leaf hash, group hash), 32 bytes each, of the checks `start` up to (not with) `stop`."""
    async with db.reader() as connection:
        rows = await connection.fetch(db.queries.checks_leaves.sql, start, stop)
    return [tuple(row) for row in rows]


async def records(db: Database, start: int, stop: int) -> list[bytes]:
    """The records of the checks `start` up to (not with) `stop`."""
    async with db.reader() as connection:
        rows = await connection.fetch(db.queries.checks_records.sql, start, stop)
    return [row[0] for row in rows]


async def erase(db: Database, check_id: UUID) -> bool:
    """Forget a payload with its salt and hash; record, place and proof stand (rulings.md 3). False for no such id."""
    async with db.writer() as connection:
        return await db.queries.checks_erase(connection, id=check_id) is not None


def _check(row: Any) -> Check:
    return Check(**row)
