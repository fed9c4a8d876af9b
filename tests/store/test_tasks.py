"""Tasks: one decision however many ask, order, places, leases, fences, and what the dead leave behind."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from pumpkin.model.tasks import LEASE_S, RESTARTS, Decided, Decision, Ending, Submission
from pumpkin.store import reports, tasks
from pumpkin.store.database import Database
from pumpkin.store.reports import NewReport
from pumpkin.store.tasks import Note


def wish(name: str = "thing", **changes: Any) -> Submission:
    values: dict[str, Any] = {
        "owner": "key:a",
        "asked": f"pkg:pypi/{name}",
        "purl": f"pkg:pypi/{name}@1.0",
        "ecosystem": "pypi",
        "name": name,
        "version": "1.0",
        "tools": "static",
        **changes,
    }
    return Submission(**values)


async def one(db: Database, name: str = "thing", *, slots: int = 0, **changes: Any) -> Decided:
    (decided,) = await tasks.submit(db, [wish(name, **changes)], node="n1", slots=slots)
    return decided


def report(document: bytes = b"{}") -> NewReport:
    return NewReport(document, "static", "clean", 3, "r1", ("sha256:ab",), time.time_ns() // 1_000, uuid4())


async def test_new_then_active_then_cached_then_forced(database: Database) -> None:
    new = await one(database)
    assert (new.decision, new.place, new.state) == (Decision.NEW, 1, "queued")
    again = await one(database, owner="key:b")
    assert (again.decision, again.id, again.place) == (Decision.ACTIVE, new.id, 1)
    assert (await one(database, tools="dynamic,static")).decision is Decision.NEW
    (task, *_) = await tasks.claim(database, "n1", 5)
    assert (await one(database)).state == "running"
    number = await reports.finish(database, task, report(), Ending("clean"))
    assert number
    cached = await one(database)
    assert (cached.decision, cached.id, cached.report_size) == (Decision.CACHED, new.id, 2)
    forced = await one(database, forced=True)
    assert forced.decision is Decision.NEW
    assert forced.id != new.id
    kept = await reports.latest(database, "pypi", "thing", "1.0")
    assert kept is not None
    assert kept.document == b"{}"


async def test_a_batch_is_decided_as_if_one_after_the_other(database: Database) -> None:
    body = b"\1" * 32
    wanted = [
        wish("a"),
        wish("a"),
        wish("b", key="k", body=body),
        wish("b", key="k", body=body),
        wish("c", key="k", body=b"\2" * 32),
    ]
    decided = await tasks.submit(database, wanted)
    assert [one.decision.value for one in decided] == ["new", "active", "new", "replayed", "reused"]
    assert decided[2].id == decided[3].id
    assert [one.place for one in decided] == [1, 1, 2, 2, None]


async def test_an_idempotency_key_is_remembered_for_a_day_and_by_its_owner(database: Database) -> None:
    body = b"\1" * 32
    first = await one(database, key="k", body=body)
    assert (await one(database, key="k", body=body)).decision is Decision.REPLAYED
    assert (await one(database, "other", key="k", body=b"\2" * 32)).decision is Decision.REUSED
    assert (await one(database, "other", owner="key:b", key="k", body=b"\2" * 32)).decision is Decision.NEW
    async with database.writer() as connection:
        await connection.execute("update idempotency set made = made - 86400000001")
    later = await one(database, "third", key="k", body=b"\3" * 32)
    assert later.decision is Decision.NEW
    assert later.id != first.id


async def test_the_limit_is_counted_with_the_decision(database: Database) -> None:
    decided = await tasks.submit(database, [wish(str(n), limit=3) for n in range(5)])
    assert [one.decision.value for one in decided] == ["new", "new", "new", "limited", "limited"]
    assert [one.remaining for one in decided] == [2, 1, 0, 0, 0]
    assert await tasks.length(database) == 3


async def test_an_owner_may_have_so_many_waiting(database: Database) -> None:
    decided = await tasks.submit(database, [wish(str(n), cap=2, key=str(n), body=b"x") for n in range(3)])
    assert [one.decision.value for one in decided] == ["new", "new", "full"]
    await tasks.claim(database, "n1", 1)
    (again,) = await tasks.submit(database, [wish("2", cap=2, key="2", body=b"x")])
    assert again.decision is Decision.NEW


async def test_equal_submissions_over_connections_make_one_task(dsn: str, database: Database) -> None:
    others = [Database(dsn) for _ in range(6)]
    for round_ in range(15):
        decided = await asyncio.gather(
            *(one(db, f"p{round_}", owner=f"key:{n % 3}") for n, db in enumerate(others * 2))
        )
        assert Counter(d.decision for d in decided) == {Decision.NEW: 1, Decision.ACTIVE: 11}
        assert len({d.id for d in decided}) == 1
    await asyncio.gather(*(db.close() for db in others))


async def test_places_are_the_order_in_which_tasks_run(database: Database) -> None:
    chance = random.Random(7)
    for batch in range(4):
        await tasks.submit(database, [wish(f"{batch}-{n}", priority=chance.randrange(10)) for n in range(150)])
    shown = await tasks.waiting(database, 1_000)
    assert [task.place for task in shown] == list(range(1, 601))
    for task in chance.sample(shown, 60):
        found = await tasks.get(database, task.id)
        assert found is not None
        assert found.place == task.place
    claimed = await tasks.claim(database, "n1", 250)
    assert {task.id for task in claimed} == {task.id for task in shown[:250]}
    left = shown[250:]
    for number, task in list(enumerate(left, 1))[::37]:
        found = await tasks.get(database, task.id)
        assert found is not None
        assert found.place == number
    assert await tasks.length(database) == 350


async def test_a_free_slot_is_handed_a_task_only_while_nothing_waits(database: Database) -> None:
    handed, new = await tasks.submit(database, [wish("a"), wish("b")], node="n1", slots=1)
    assert (handed.decision, handed.state, handed.attempt) == (Decision.HANDED, "running", 1)
    assert (new.decision, new.state) == (Decision.NEW, "queued")
    assert (await one(database, "c", slots=5)).decision is Decision.NEW


async def test_what_was_taken_away_cannot_be_ended_by_whoever_had_it(database: Database) -> None:
    await one(database)
    (first,) = await tasks.claim(database, "n1")
    async with database.writer() as connection:
        await connection.execute("update tasks set lease = 1")
    (swept,) = await tasks.sweep(database)
    assert (swept.state, swept.cause) == ("queued", "its worker died")
    assert await tasks.beat(database, "n1", [first.id]) == {}
    (second,) = await tasks.claim(database, "n2")
    assert second.attempt == 2
    assert await reports.finish(database, first, report(), Ending("clean")) is None
    assert await reports.unchecked(database) == []
    assert await tasks.release(database, first, "queue_error", "late") is None
    assert await reports.finish(database, second, report(), Ending("clean"))
    assert await tasks.cancel(database, first.id) is None
    ended = await tasks.get(database, first.id)
    assert ended is not None
    assert ended.state == "completed"


async def test_a_task_whose_worker_dies_again_and_again_fails(database: Database) -> None:
    await one(database)
    for attempt in (1, 2, 3):
        (task,) = await tasks.claim(database, "n1")
        assert task.attempt == attempt
        async with database.writer() as connection:
            await connection.execute("update tasks set lease = 0 where state = 'running'")
        (swept,) = await tasks.sweep(database)
    assert (swept.state, swept.category, swept.outcome) == ("failed", "unknown_error", "incomplete")
    assert (await one(database)).decision is Decision.NEW


async def test_a_clock_set_back_keeps_no_task_of_the_dead(database: Database) -> None:
    await one(database)
    (task,) = await tasks.claim(database, "n1")
    async with database.writer() as connection:
        hours = 5 * 3_600_000_000  # as if it had been claimed before the clock was set back by so much
        await connection.execute("update tasks set lease = lease + $1, started = started + $1", hours)
    assert await tasks.sweep(database) == []
    found = await tasks.get(database, task.id)
    assert found is not None
    assert found.state == "running"
    assert found.lease is not None
    assert found.lease <= found.clock + LEASE_S * 1e6
    assert (found.started or 0) <= found.clock
    async with database.writer() as connection:
        await connection.execute("update tasks set lease = lease - 31000000")
    assert [one.state for one in await tasks.sweep(database)] == ["queued"]


async def test_a_server_that_is_killed_costs_its_tasks_less(database: Database) -> None:
    await one(database)
    for attempt in range(1, RESTARTS + 1):
        (task,) = await tasks.claim(database, "n1")
        assert task.attempt == attempt
        assert await tasks.sweep(database, "n2") == []  # another one's start
        (swept,) = await tasks.sweep(database, "n1")
        assert swept.state == ("queued" if attempt < RESTARTS else "failed")
    assert swept.message == f"Its worker died, {RESTARTS} times over."


async def test_what_a_task_does_is_noted_for_its_own_attempt_only(database: Database) -> None:
    await one(database)
    (first,) = await tasks.claim(database, "n1")
    await tasks.note(database, [Note(first, "install", "c1"), Note(first, None, None)])
    noted = await tasks.get(database, first.id)
    assert noted is not None
    assert (noted.phase, noted.container) == ("install", "c1")
    await tasks.release(database, first, "queue_error", "stopped")
    (second,) = await tasks.claim(database, "n1")
    assert (second.phase, second.container) == (None, None)
    await tasks.note(database, [Note(first, "execute", "c1")])
    noted = await tasks.get(database, first.id)
    assert noted is not None
    assert (noted.phase, noted.container) == (None, None)


async def test_a_task_over_its_time_is_ended_and_stays_so(database: Database) -> None:
    await one(database, timeout_s=0)
    (task,) = await tasks.claim(database, "n1")
    (swept,) = await tasks.sweep(database)
    assert (swept.state, swept.category, swept.outcome) == ("failed", "timeout_error", "timeout")
    assert await reports.finish(database, task, report(), Ending("clean")) is None
    assert await tasks.sweep(database) == []


async def test_a_released_task_keeps_its_place_and_its_cause(database: Database) -> None:
    await one(database, "first")
    await one(database, "second")
    (task,) = await tasks.claim(database, "n1")
    assert await tasks.release(database, task, "analysis_error", "the registry was away") == "queued"
    found = await tasks.get(database, task.id)
    assert found is not None
    assert (found.place, found.cause, found.node) == (1, "the registry was away", None)


@pytest.mark.parametrize("before", ["queued", "running"])
async def test_a_cancelled_task_ends_at_once(database: Database, before: str) -> None:
    decided = await one(database)
    if before == "running":
        (task,) = await tasks.claim(database, "n1")
    assert await tasks.cancel(database, decided.id or 0) == before
    found = await tasks.get(database, decided.uuid or uuid4())
    assert found is not None
    assert (found.state, found.outcome, found.category) == ("failed", "cancelled", "cancelled")
    assert await tasks.length(database) == 0
    if before == "running":
        assert await reports.finish(database, task, report(), Ending("clean")) is None


async def test_private_tasks_of_two_owners_are_two_tasks(database: Database) -> None:
    first = await one(database, realm="key:a")
    second = await one(database, owner="key:b", realm="key:b")
    assert (first.decision, second.decision) == (Decision.NEW, Decision.NEW)
    assert (await one(database, realm="key:a")).id == first.id


async def test_lists_filter_and_count(database: Database) -> None:
    await tasks.submit(database, [wish(str(n), owner="key:a" if n % 2 else "key:b") for n in range(9)])
    found, total = await tasks.page(database, owner="key:a", limit=3)
    assert (len(found), total) == (3, 4)
    assert found[0].id > found[1].id
    found, total = await tasks.page(database, owner=None, q="PYPI/7@", limit=3)
    assert [task.name for task in found] == ["7"]
    assert (await tasks.page(database, owner="key:a", state="running"))[1] == 0


async def test_a_mean_duration_gives_an_estimate(database: Database) -> None:
    await tasks.announce(database, "n1", 2, "static")
    assert (await tasks.capacity(database)).wait_s(5) is None
    await one(database)
    (task,) = await tasks.claim(database, "n1")
    await tasks.end(database, task, Ending("clean"))
    capacity = await tasks.capacity(database)
    assert capacity.slots == 2
    assert capacity.wait_s(1) == 0
    assert capacity.wait_s(5) == pytest.approx(2 * (capacity.mean_s or 0))


async def test_a_worker_unheard_of_for_a_lease_is_no_capacity(database: Database) -> None:
    await tasks.announce(database, "here", 2, "static")
    await tasks.announce(database, "dead", 5, "static")
    assert (await tasks.capacity(database)).slots == 7
    async with database.writer() as connection:
        await connection.execute("update nodes set seen = seen - 31000000 where node = 'dead'")
    assert (await tasks.capacity(database)).slots == 2
    assert not await tasks.others(database, "here")
    assert await tasks.tools_of(database, "here") == ()


async def test_what_is_kept_of_a_purl_is_known(database: Database) -> None:
    assert not await tasks.kept(database, "pkg:pypi/thing@1.0")
    await one(database)
    assert await tasks.kept(database, "pkg:pypi/thing@1.0")
    assert not await tasks.kept(database, "pkg:pypi/thing@1")


async def test_every_state_change_keeps_the_counters_true(dsn: str, database: Database) -> None:
    chance = random.Random(3)
    dbs = [Database(dsn) for _ in range(3)]

    async def mess(db: Database, node: str) -> None:
        for n in range(40):
            turn = chance.random()
            if turn < 0.5:
                await tasks.submit(
                    db, [wish(f"{node}{n}-{i}", priority=chance.randrange(3)) for i in range(3)], node=node, slots=1
                )
            elif turn < 0.8:
                for task in await tasks.claim(db, node, 2):
                    await (tasks.release(db, task, "x", "y") if turn < 0.6 else tasks.end(db, task, Ending("clean")))
            else:
                await tasks.cancel(db, chance.randrange(1, 100))
                await tasks.sweep(db, node)

    await asyncio.gather(*(mess(db, f"n{i}") for i, db in enumerate(dbs)))
    async with database.reader() as connection:
        truth = await connection.fetchval("select count(*) from tasks where state = 'queued'")
        for level in (1, 2):
            counted = await connection.fetchval("select sum(waiting) from queue_counts where level = $1", level)
            assert counted == truth
        assert await connection.fetchval("select min(waiting) from queue_counts") >= 0
    await asyncio.gather(*(db.close() for db in dbs))


async def test_a_claim_is_made_once_over_connections(dsn: str, database: Database) -> None:
    await tasks.submit(database, [wish(str(n)) for n in range(60)])
    dbs = [Database(dsn) for _ in range(4)]
    claimed = await asyncio.gather(*(tasks.claim(db, f"n{i}", 4) for i, db in enumerate(dbs * 5)))
    ids = [task.id for some in claimed for task in some]
    assert len(ids) == len(set(ids)) == 60
    await asyncio.gather(*(db.close() for db in dbs))


async def test_nothing_is_taken_that_does_not_fit(database: Database) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await one(database, priority=10)
    assert await tasks.length(database) == 0


async def test_one_alone_is_decided_as_in_a_batch(database: Database) -> None:
    """Two ways in SQL (0042, 0056), one meaning: the same submissions, by chance, to two owners of equal tasks."""

    async def general(wanted: Submission, slots: int) -> Decided:
        async with database.writer() as connection:
            rows = await connection.fetch(
                database.queries.tasks_submit.sql, [tasks._request(wanted)], "n1", slots, tasks._LEASE
            )
        return Decided(Decision(rows[0][1]), *rows[0][2:])

    def seen(one: Decided) -> Any:
        return (one.decision, one.remaining, one.state, one.version, one.priority, one.realm, one.attempt,
                one.place is None, one.report_size, one.id is None)  # fmt: skip

    chance = random.Random(20)
    met: Counter[Decision] = Counter()
    for turn in range(150):
        more = {
            "version": "1", "priority": chance.randrange(10), "forced": chance.random() < 0.1,
            "limit": chance.choice([None, 60]), "cap": chance.choice([None, 4]),
        }  # fmt: skip
        name, slots = f"p{chance.randrange(12)}", chance.choice([0, 0, 0, 1])
        if turn % 20 == 19:  # all that waits or runs ends, on both sides
            await tasks.claim(database, "n1", 100)
            for task in await tasks.running(database):
                await tasks.end(database, task, Ending("clean", {"score": 0}))
            slots = 1
        pair = [wish(f"{side}{name}", owner=f"key:{side}", **more) for side in "ab"]
        if slots:
            slots = 1 if not await tasks.length(database) else 0
        first = await general(pair[0], slots)
        (second,) = await tasks.submit(database, [pair[1]], node="n1", slots=slots)
        assert seen(first) == seen(second), (turn, first, second)
        met[first.decision] += 1
    assert set(met) == {*Decision} - {Decision.REPLAYED, Decision.REUSED}, met
