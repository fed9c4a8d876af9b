"""Storing and reading checks, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import random
import time
from dataclasses import fields
from uuid import uuid4

import pytest

from pumpkin.errors import CheckConflict, InvalidRequest
from pumpkin.evidence import record
from pumpkin.model.checks import PAYLOAD_LIMIT, Receipt
from pumpkin.store import checks
from pumpkin.store.database import Database

from .conftest import Make

DETAIL = {"target": "web.example", "status": "critical", "labels": {"rack": "r7"}, "run": {"duration_s": 0.25}}


async def test_a_batch_takes_its_places_in_the_order_it_came(database: Database, row: Make) -> None:
    rows = [row() for _ in range(50)]
    answers = await checks.store_batch(database, rows)
    assert [(a.id, a.seq, a.known) for a in answers if isinstance(a, Receipt)] == [
        (one[0].id, place, False) for place, one in enumerate(rows)
    ]
    assert await checks.size(database) == 50
    assert await checks.leaves(database, 0, 99) == [(one[2].leaf_hash, one[2].group_hash) for one in rows]


async def test_a_check_comes_back_as_it_went_in(database: Database, row: Make) -> None:
    wire = {"version": "1", "format": "x", "meta": {"ts": "2026"}}
    given = row(payload=bytes(range(256)), detail=DETAIL, wire=wire, key_id="ab", signature="cd", direct=True)
    await checks.store_batch(database, [given])
    check = await checks.get(database, given[0].id)
    assert check is not None
    shared = {field.name for field in fields(given[0])} & {field.name for field in fields(check)}
    assert len(shared) >= 15
    for name in shared:
        assert getattr(check, name) == getattr(given[0], name), name
    assert (check.record, check.leaf_hash, check.payload_salt) == (
        given[2].record,
        given[2].leaf_hash,
        given[2].payload_salt,
    )
    assert (check.received, check.size, check.target, check.status) == (given[1], 256, "web.example", "critical")
    assert await checks.by_seq(database, 0) == check
    assert await checks.many(database, [given[0].id, uuid4()]) == [check]


async def test_the_record_of_a_stored_check_can_be_made_again_from_its_row(database: Database, row: Make) -> None:
    """PostgreSQL's jsonb changes how numbers are written; the digest of the detail must survive it."""
    given = row(detail={"result": {"data": [1e22, 1.0, 0.1, 2**60, -0.0, "é\U0001f600"]}, "status": "ok"})
    await checks.store_batch(database, [given])
    check = await checks.get(database, given[0].id)
    assert check is not None
    assert record.canonical_detail(check.detail) == record.canonical_detail(given[0].detail)


async def test_equal_content_is_known_and_other_content_conflicts(database: Database, row: Make) -> None:
    given = row()
    first = (await checks.store_batch(database, [given]))[0]
    assert isinstance(first, Receipt)
    observation = given[0]
    again = observation, given[1] + 5, record.make(observation, given[1] + 5)
    other = row(observation.id, observed=observation.observed, payload=b"other")
    answers = await checks.store_batch(database, [again, other, row()])
    assert answers[0] == Receipt(observation.id, 0, True, given[1])
    assert isinstance(answers[1], CheckConflict)
    assert isinstance(answers[2], Receipt)
    assert answers[2].seq == 1


async def test_one_id_twice_in_a_batch_is_stored_once(database: Database, row: Make) -> None:
    given, between = row(), row()
    other = row(given[0].id, payload=b"other")
    answers = await checks.store_batch(database, [given, between, given, other])
    assert [isinstance(a, CheckConflict) for a in answers] == [False, False, False, True]
    assert [(a.seq, a.known) for a in answers if isinstance(a, Receipt)] == [(0, False), (1, False), (0, True)]
    assert await checks.size(database) == 2


async def test_an_empty_batch_is_nothing(database: Database) -> None:
    assert await checks.store_batch(database, []) == []
    assert await checks.size(database) == 0


async def test_two_nodes_give_out_places_without_a_gap(database: Database, dsn: str, row: Make) -> None:
    """Two nodes store overlapping batches at the same time: each id once, every place once, none left out."""
    other = await Database.open(dsn)
    try:
        rows = [row() for _ in range(600)]
        batches = [random.Random(seed).sample(rows, 40) for seed in range(60)]
        answers = await asyncio.gather(
            *(checks.store_batch(db, batch) for batch, db in zip(batches, [database, other] * 30, strict=True))
        )
    finally:
        await other.close()
    places: dict[object, set[int]] = {}
    for batch in answers:
        for one in batch:
            assert isinstance(one, Receipt)
            places.setdefault(one.id, set()).add(one.seq)
    fresh = [a for batch in answers for a in batch if isinstance(a, Receipt) and not a.known]
    assert all(len(found) == 1 for found in places.values())
    assert sorted(a.seq for a in fresh) == list(range(len(places))) == list(range(await checks.size(database)))


async def test_a_batch_that_fails_takes_no_place(database: Database, row: Make) -> None:
    bad = row(detail={"target": "a\x00b"})
    with pytest.raises(Exception, match=r"(?i)u.?0000|0x00|utf8"):
        await checks.store_batch(database, [row(), bad, row()])
    answers = await checks.store_batch(database, [row()])
    assert isinstance(answers[0], Receipt)
    assert answers[0].seq == 0


async def test_the_largest_payload_comes_back_whole(database: Database, row: Make) -> None:
    given = row(payload=os.urandom(PAYLOAD_LIMIT))
    await checks.store_batch(database, [given])
    check = await checks.get(database, given[0].id)
    assert check is not None
    assert check.payload == given[0].payload
    page, _ = await checks.page(database)
    assert page[0].payload is None


async def test_an_erased_payload_is_gone_and_its_record_stands(database: Database, row: Make) -> None:
    given = row(payload=b"personal")
    await checks.store_batch(database, [given])
    assert await checks.erase(database, given[0].id)
    assert not await checks.erase(database, uuid4())
    check = await checks.get(database, given[0].id)
    assert check is not None
    assert (check.payload, check.payload_salt, check.record) == (None, None, given[2].record)
    assert await checks.items(database, 0, 10, "personal") == []


async def test_pages_follow_each_other_newest_first(database: Database, row: Make) -> None:
    await checks.store_batch(database, [row() for _ in range(25)])
    seen, cursor = [], None
    while True:
        found, cursor = await checks.page(database, limit=10, cursor=cursor)
        seen += [check.seq for check in found]
        if cursor is None:
            break
    assert seen == list(range(24, -1, -1))


async def test_filters_find_what_fits_them_and_nothing_else(database: Database, row: Make) -> None:
    plain = [row() for _ in range(5)]
    special = row(type="dns", agent="other@example.invalid", detail=DETAIL, observed=1_000_000)
    await checks.store_batch(database, [*plain, special, *(row() for _ in range(5))])
    filters = [
        {"type": "dns"},
        {"agent": "other@example.invalid"},
        {"target": "web.example"},
        {"status": "critical"},
        {"until": 1_000_001},
        {"q": "WEB.ex"},
        {"labels": {"rack": "r7"}},
        {"type": "dns", "labels": {"rack": "r7"}, "status": "critical", "since": 1_000_000},
    ]
    for chosen in filters:
        found, _ = await checks.page(database, **chosen)  # type: ignore[arg-type]
        assert [check.id for check in found] == [special[0].id], chosen
    for missing in ({"type": "dn"}, {"labels": {"rack": "r8"}}, {"since": 2**53}, {"q": "%"}):
        assert (await checks.page(database, **missing))[0] == [], missing  # type: ignore[arg-type]


@pytest.mark.parametrize("cursor", ["", "x1", "s", "s-1", "s1x", "s" + "9" * 19, "s١"])
async def test_a_foreign_cursor_is_refused(database: Database, cursor: str) -> None:
    if not cursor:
        assert await checks.page(database, cursor=cursor) == ([], None)
        return
    with pytest.raises(InvalidRequest):
        await checks.page(database, cursor=cursor)


async def test_items_stand_in_insertion_order_and_q_is_the_payload(database: Database, row: Make) -> None:
    rows = [row(payload=b"same" if n % 3 == 0 else str(n).encode()) for n in range(10)]
    await checks.store_batch(database, rows)
    assert [check.seq for check in await checks.items(database, 4, 3)] == [4, 5, 6]
    assert [check.seq for check in await checks.items(database, 1, 2, "same")] == [3, 6]
    assert await checks.items(database, 0, 5, "sam") == []
    assert await checks.items(database, 2**70, 5) == []
    assert await checks.records(database, 8, 20) == [one[2].record for one in rows[8:]]


async def test_storing_in_batches_keeps_up_with_a_bare_insert(database: Database, row: Make) -> None:
    """Prints rows/s of batches of 100 beside a bare unnest insert of the same bytes (a ratio, not a promise)."""
    rounds = [[row(payload=b"x" * 400) for _ in range(100)] for _ in range(40)]
    async with database.writer() as connection:
        await connection.execute("create table bare (id uuid primary key, body jsonb not null, raw bytea)")
    bare = ours = 0.0
    for batch in rounds:
        begun = time.perf_counter()
        async with database.writer() as connection:
            await connection.execute(
                "insert into bare select * from unnest($1::uuid[], $2::jsonb[], $3::bytea[]) on conflict do nothing",
                [one[0].id for one in batch],
                [{"type": one[0].type, "agent": one[0].agent} for one in batch],
                [one[0].payload for one in batch],
            )
        bare += time.perf_counter() - begun
        begun = time.perf_counter()
        answers = await checks.store_batch(database, batch)
        ours += time.perf_counter() - begun
        assert len(answers) == 100
    print(f"\nbare {4000 / bare:,.0f} rows/s, store_batch {4000 / ours:,.0f} rows/s, ratio {bare / ours:.2f}")
