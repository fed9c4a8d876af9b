"""The stamper with a real authority: tokens that verify, one for all that was missed, failures shown."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time

import asyncpg
import pytest

from actors.stamper import Series, Stamper
from pumpkin.errors import Unavailable
from pumpkin.evidence import groups, tsp
from pumpkin.model.checks import Observation, Receipt
from pumpkin.store import checks, proofs
from tests.actors.conftest import Line, StartLine, Tsa, observation
from tests.actors.test_sealer import assert_log_is_whole, send


async def assert_stamps_cover(line: Line, size: int) -> int:
    """Every record stands under a token that verifies over its anchor; answers how many tokens there are."""
    start = stamps = 0
    while start < size:
        found = [one for one in await proofs.stamps_for(line.db, start) if one.authority == "local"]
        stamp = next(one for one in found if one.start == start)
        heads = await proofs.checkpoints(line.db, stamp.start, stamp.size)
        anchor = groups.anchor(heads[-1].note, groups.group_root([head.group_root for head in heads]))
        assert stamp.anchor == anchor
        roots = [line.tsa.authority.root_pem]
        assert tsp.verify(stamp.response, roots=roots, data=anchor, query=stamp.query).code == "ok"
        start, stamps = stamp.size, stamps + 1
    return stamps


async def test_five_hundred_observations_are_stored_sealed_and_stamped(start_line: StartLine) -> None:
    line = await start_line()
    begun = time.perf_counter()
    receipts = await asyncio.gather(*(line.aggregator.actor.receive(observation()) for _ in range(500)))
    stored = time.perf_counter()
    await line.until_stamped(500)
    done = time.perf_counter()
    assert sorted(receipt.seq for receipt in receipts) == list(range(500))
    await assert_log_is_whole(line.db, line.key, 500)
    tokens = await assert_stamps_cover(line, 500)
    print(f"500 stored in {stored - begun:.3f} s, stamped by {tokens} tokens in {done - begun:.3f} s")


async def test_a_stamp_is_announced_and_tst_bears_the_token_of_each_check(start_line: StartLine) -> None:
    line = await start_line()
    tst = line.bus.subscribe(["tst"])
    seen = [observation() for _ in range(3)]
    await line.aggregator.actor.receive_many(seen)
    told = await line.until("proof.stamped")
    assert (told["authority"], told["checkpoint"], told["checks"]) == ("local", 3, 3)
    uuids = []
    async for event in tst:
        body = json.loads(event.data)
        assert tsp.gen_time(base64.b64decode(body["tst"])) > 0
        uuids.append(body["scan_uuid"])
        if len(uuids) == 3:
            break
    assert uuids == [str(one.id) for one in seen]


@pytest.mark.parametrize(
    ("mode", "state", "code"),
    [("down", "failing", "http"), ("html", "refusing", "malformed"), ("refuse", "refusing", "rejected")],
)
async def test_after_an_outage_one_token_covers_everything_missed(
    start_line: StartLine, mode: str, state: str, code: str
) -> None:
    line = await start_line()
    await send(line, 2)
    await line.until_stamped(2)
    line.tsa.mode = mode
    for _ in range(5):
        await send(line, 20)
        while line.sealer.actor.status()["unsealed"]:
            await line.until("check.sealed", since=0)
            await asyncio.sleep(0)
    while line.stamper.actor.status()["state"] == "ok":
        line.tsa.called.clear()
        await line.tsa.called.wait()
        await asyncio.sleep(0)
    status = line.stamper.actor.status()
    assert (status["state"], status["last_error"], status["pending"]) == (state, code, 100)
    assert await checks.size(line.db) == 102
    line.tsa.mode = "ok"
    await line.until_stamped(102)
    stamp = await proofs.latest_stamp(line.db, "local")
    assert stamp is not None
    assert (stamp.start, stamp.size) == (2, 102)
    await assert_stamps_cover(line, 102)
    assert line.stamper.actor.status()["state"] == "ok"


async def test_an_authority_that_hangs_holds_nobody_up_and_is_given_up_at_the_deadline(start_line: StartLine) -> None:
    line = await start_line(deadline_s=0.2)
    line.tsa.mode = "hang"
    await send(line, 10)
    await line.tsa.called.wait()
    await send(line, 10)
    while line.stamper.actor.status()["state"] == "ok":
        await asyncio.sleep(0.01)
    assert line.stamper.actor.status()["last_error"] == "timeout"
    line.tsa.mode = "ok"
    await line.until_stamped(20)
    await assert_stamps_cover(line, 20)


async def test_kills_of_all_three_in_the_middle_lose_nothing(start_line: StartLine) -> None:
    line = await start_line()
    sent = [observation() for _ in range(500)]
    missing = {one.id: one for one in sent}
    rounds = 0

    async def deliver(one: Observation) -> Receipt:
        return await line.aggregator.actor.receive(one)  # Unavailable when killed a moment ago

    while missing:
        rounds += 1
        child = (line.sealer, line.stamper, line.aggregator)[rounds % 3]
        if line.aggregator.state == "running":
            batch = list(missing.values())[:60]
            taken = asyncio.gather(*map(deliver, batch), return_exceptions=True)
            await asyncio.sleep(0.002)
            if rounds < 15:
                with contextlib.suppress(Unavailable):
                    child.actor.kill()
            for one, answer in zip(batch, await taken, strict=True):
                if not isinstance(answer, BaseException):
                    missing.pop(one.id, None)
        else:
            await asyncio.sleep(0.005)
    assert await checks.size(line.db) == 500
    await line.until_stamped(500)
    await assert_log_is_whole(line.db, line.key, 500)
    await assert_stamps_cover(line, 500)
    restarts = line.sealer.restarts + line.stamper.restarts + line.aggregator.restarts
    assert restarts >= 3


async def test_a_stamp_whose_announcement_died_with_the_stamper_is_announced_by_the_next(start_line: StartLine) -> None:
    line = await start_line()
    await send(line, 3)
    await line.until_stamped(3)
    told = line.bus.subscribe(["proof.stamped"])
    line.stamper.actor.kill()
    async with asyncio.timeout(10):
        async for event in told:
            assert event.data["checkpoint"] == 3
            break


async def test_one_in_reserve_asks_nothing_until_it_is_needed_and_then_covers_everything(start_line: StartLine) -> None:
    line, spare, needed = await start_line(), Tsa(), False
    series = Series("spare", "spare", [spare.authority.root_pem])
    child = await line.system.start(
        "spare", lambda: Stamper.start(line.db, line.bus, series, ask=spare.ask, needed=lambda: needed)
    )
    await send(line, 5)
    await line.until_stamped(5)
    child.actor.sealed(await proofs.latest_checkpoint(line.db))
    await asyncio.sleep(0.3)
    assert (spare.asked, child.actor.status()["state"], child.actor.busy) == (0, "reserve", False)
    needed = True
    async with asyncio.timeout(10):
        while not (stamp := await proofs.latest_stamp(line.db, "spare")):
            await asyncio.sleep(0.02)
    assert (stamp.start, stamp.size) == (0, 5)


async def test_requests_keep_the_least_interval(start_line: StartLine) -> None:
    line = await start_line(min_interval_s=0.15)
    begun = time.monotonic()
    for _ in range(3):
        await send(line, 1)
        await line.until_stamped(await checks.size(line.db))
    assert time.monotonic() - begun >= 0.29


async def test_a_database_that_drops_every_connection_under_load_loses_and_doubles_nothing(
    start_line: StartLine, dsn: str
) -> None:
    line = await start_line()
    outside = await asyncpg.connect(dsn)
    sent = [observation() for _ in range(1_500)]
    taken = asyncio.gather(*(line.aggregator.actor.receive_many(sent[start::15]) for start in range(15)))
    for _ in range(8):
        await outside.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        await asyncio.sleep(0.01)
    receipts = [one for batch in await taken for one in batch]
    await outside.close()
    assert all(isinstance(one, Receipt) for one in receipts)
    assert sorted(one.seq for one in receipts if isinstance(one, Receipt)) == list(range(1_500))
    line.bus.publish("end", None)
    told = []
    async for event in line.bus.subscribe(["check.stored", "end"], limit=10_000, since=0):
        if event.topic == "end":
            break
        told.append(event.data["seq"])
    assert sorted(told) == list(range(1_500))
    await line.until_stamped(1_500)
    await assert_log_is_whole(line.db, line.key, 1_500)
    await assert_stamps_cover(line, 1_500)
