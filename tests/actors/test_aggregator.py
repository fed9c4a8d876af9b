"""The aggregator on a real database: group commit, one row an id, bounds, and what a bad row does to its neighbours."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from actors.aggregator import Bounds
from pumpkin.errors import (
    Backpressure,
    CheckConflict,
    InvalidCheck,
    PayloadTooLarge,
    PumpkinError,
    Unavailable,
    UnknownAgent,
)
from pumpkin.model.checks import PAYLOAD_LIMIT, Receipt
from pumpkin.store import checks
from tests.actors.conftest import StartLine, observation


async def test_a_receipt_names_the_place_in_the_log_and_the_row_is_durable(start_line: StartLine) -> None:
    line = await start_line()
    seen = observation()
    receipt = await line.aggregator.actor.receive(seen)
    assert (receipt.id, receipt.seq, receipt.known) == (seen.id, 0, False)
    check = await checks.get(line.db, seen.id)
    assert check is not None
    assert (check.payload, check.agent, check.received) == (seen.payload, seen.agent, receipt.received)


async def test_the_same_again_is_known_and_other_content_is_a_conflict(start_line: StartLine) -> None:
    line = await start_line()
    take = line.aggregator.actor.receive
    seen = observation()
    first = await take(seen)
    assert await take(seen) == replace(first, known=True)
    with pytest.raises(CheckConflict):
        await take(replace(seen, payload=b"something else"))
    assert await checks.size(line.db) == 1


async def test_equal_ids_in_one_batch_are_folded(start_line: StartLine) -> None:
    line = await start_line()
    seen = observation()
    other = replace(seen, payload=b"something else")
    answers = await line.aggregator.actor.receive_many([seen, seen, other, seen, observation()])
    assert [getattr(answer, "known", answer) for answer in answers[:2]] == [False, True]
    assert isinstance(answers[2], CheckConflict)
    assert isinstance(answers[3], Receipt)
    assert answers[3].known is True
    assert isinstance(answers[4], Receipt)
    assert await checks.size(line.db) == 2


async def test_rows_gather_while_a_write_is_under_way(start_line: StartLine) -> None:
    line = await start_line()
    actor = line.aggregator.actor
    receipts = await asyncio.gather(*(actor.receive(observation()) for _ in range(300)))
    assert sorted(receipt.seq for receipt in receipts) == list(range(300))
    assert actor.batches <= 10
    assert actor.status()["held"] == 0


async def test_a_batch_is_cut_by_rows_and_by_bytes(start_line: StartLine) -> None:
    line = await start_line(bounds=Bounds(batch_rows=4, batch_bytes=40_000))
    actor = line.aggregator.actor
    await actor.receive_many([observation() for _ in range(10)])
    assert actor.batches == 3
    await actor.receive_many([observation(b"x" * 30_000) for _ in range(3)])
    assert actor.batches == 6


async def test_past_the_bounds_is_back_pressure_and_nothing_of_it_is_kept(start_line: StartLine) -> None:
    line = await start_line(bounds=Bounds(queue_rows=5, queue_bytes=100_000))
    answers = await line.aggregator.actor.receive_many([observation() for _ in range(8)])
    assert [type(answer) for answer in answers] == [Receipt] * 5 + [Backpressure] * 3
    with pytest.raises(Backpressure):
        await line.aggregator.actor.receive(observation(b"x" * 100_000))
    assert await checks.size(line.db) == 5
    assert (await line.aggregator.actor.receive(observation())).seq == 5


async def test_an_unknown_agent_and_an_oversized_payload_are_refused(start_line: StartLine) -> None:
    line = await start_line(known_agent=lambda agent: agent == "probe@example.org")
    with pytest.raises(UnknownAgent):
        await line.aggregator.actor.receive(observation(agent="stranger@example.org"))
    with pytest.raises(PayloadTooLarge):
        await line.aggregator.actor.receive(observation(b"x" * (PAYLOAD_LIMIT + 1)))
    assert line.aggregator.actor.status()["refused"] == 2
    assert await checks.size(line.db) == 0


async def test_a_large_payload_is_stored_whole(start_line: StartLine) -> None:
    line = await start_line()
    seen = observation(bytes(range(256)) * 8 * 1024)
    await line.aggregator.actor.receive(seen)
    check = await checks.get(line.db, seen.id)
    assert check is not None
    assert check.payload == seen.payload


async def test_a_row_that_cannot_be_stored_does_not_keep_its_neighbours_out(start_line: StartLine) -> None:
    line = await start_line()
    sent = [observation() for _ in range(9)]
    sent[4] = replace(sent[4], type="nul\0inside")
    answers = await line.aggregator.actor.receive_many(sent)
    assert [isinstance(answer, Receipt) for answer in answers] == [True] * 4 + [False] + [True] * 4
    assert isinstance(answers[4], PumpkinError)
    assert sorted(answer.seq for answer in answers if isinstance(answer, Receipt)) == list(range(8))
    await line.until_stamped(8)


async def test_each_check_is_announced_once_and_scan_bears_the_item(start_line: StartLine) -> None:
    line = await start_line()
    scans = line.bus.subscribe(["scan"])
    seen = observation(detail={"status": "warning", "target": "198.51.100.7"})
    receipt = await line.aggregator.actor.receive(seen)
    await line.aggregator.actor.receive(seen)
    line.bus.publish("end", None)
    events = [event.data async for event in _until_end(line.bus)]
    assert events == [
        {"uuid": str(seen.id), "type": "ping", "agent": seen.agent, "status": "warning", "seq": receipt.seq}
    ]
    async for event in scans:
        assert event.data["meta"]["uuid"] == str(seen.id)
        assert event.data["payload"]
        break


async def _until_end(bus: Any) -> Any:
    async for event in bus.subscribe(["check.stored", "end"], since=0):
        if event.topic == "end":
            return
        yield event


async def test_a_stop_writes_what_is_held_and_then_takes_nothing(start_line: StartLine) -> None:
    line = await start_line()
    actor = line.aggregator.actor
    taken = asyncio.gather(*(actor.receive(observation()) for _ in range(50)))
    await asyncio.sleep(0)
    await line.system.stop(5)
    assert len({receipt.seq for receipt in await taken}) == 50
    with pytest.raises(Unavailable):
        await actor.receive(observation())


async def test_a_killed_aggregator_answers_everyone_who_waits(start_line: StartLine) -> None:
    line = await start_line()
    actor = line.aggregator.actor
    sent = [observation() for _ in range(25)]
    waiting = asyncio.gather(*(actor.receive(one) for one in (*sent, *sent)), return_exceptions=True)
    while not actor._batch:
        await asyncio.sleep(0)
    actor.kill()
    assert all(isinstance(answer, (Receipt, Unavailable)) for answer in await asyncio.wait_for(waiting, 5))


REFUSING = """
create function refuse() returns trigger language plpgsql as $$
begin raise exception 'could not extend file: No space left on device' using errcode = '{state}'; end $$;
create trigger refuse before insert on checks for each row execute function refuse();
"""


async def test_below_the_disk_s_reserve_checks_are_put_off_and_an_erasure_is_still_noted(start_line: StartLine) -> None:
    room: list[str] = []
    line = await start_line(room=lambda: bool(room))
    with pytest.raises(Unavailable, match="no room"):
        await line.aggregator.actor.receive(observation())
    assert await checks.size(line.db) == 0
    assert (await line.aggregator.actor.receive(replace(observation(), kind="erasure"))).seq == 0
    room.append("again")
    assert (await line.aggregator.actor.receive(observation())).seq == 1


@pytest.mark.parametrize("state", ["53100", "58030", "XX000"])
async def test_a_disk_that_is_full_or_fails_is_no_fault_of_the_check(start_line: StartLine, state: str) -> None:
    line = await start_line(bounds=Bounds(patience_s=0.2))
    seen = observation()
    async with line.db.writer() as connection:
        await connection.execute(REFUSING.format(state=state))
    async with line.db.writer() as connection:
        before = await connection.fetchval("select pg_backend_pid()")
    with pytest.raises(Unavailable):
        await line.aggregator.actor.receive(seen)
    async with line.db.writer() as connection:
        assert await connection.fetchval("select pg_backend_pid()") == before  # another might not be had
        await connection.execute("drop trigger refuse on checks")
    assert (await line.aggregator.actor.receive(seen)).known is False
    assert await checks.size(line.db) == 1


async def test_what_fits_no_column_is_the_check_s_own_fault(start_line: StartLine) -> None:
    line = await start_line()
    async with line.db.writer() as connection:
        await connection.execute(REFUSING.format(state="22021"))
    with pytest.raises(InvalidCheck):
        await line.aggregator.actor.receive(observation())
