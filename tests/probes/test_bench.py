"""Behaviours: once, on a grid, again and again; paused, steered, run by hand."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from pumpkin.errors import NotFound, StartError, Unavailable
from pumpkin.model import jobs
from pumpkin.model.checks import Observation
from pumpkin.probes import schedule
from pumpkin.probes.bench import Bench
from pumpkin.probes.measure import Source

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class Kept:
    """What a bench produced."""

    def __init__(self) -> None:
        self.seen: list[Observation] = []
        self._more = asyncio.Event()

    async def __call__(self, one: Observation) -> None:
        self.seen.append(one)
        self._more.set()

    async def reach(self, count: int) -> None:
        async with asyncio.timeout(30):
            while len(self.seen) < count:
                self._more.clear()
                await self._more.wait()


def bench(document: dict[str, object], kept: Kept) -> Bench:
    return Bench(jobs.parse(document), Source("p@localhost"), kept)


async def test_a_one_shot_probe_works_through_its_list_and_ends() -> None:
    kept = Kept()
    work = bench({"command": "echo {target}", "jobs": [{"target": str(n)} for n in range(20)]}, kept)
    await asyncio.wait_for(work.run(), 30)
    assert sorted(int(one.payload) for one in kept.seen) == list(range(20))
    assert {one["state"] for one in work.behaviours()} == {"done"}


async def test_a_periodic_job_keeps_its_grid() -> None:
    kept = Kept()
    task = asyncio.create_task(bench({"command": "echo x", "period": 0.1}, kept).run())
    await kept.reach(3)
    task.cancel()
    gaps = [b.observed - a.observed for a, b in zip(kept.seen, kept.seen[1:], strict=False)]
    assert sum(gaps) >= 150_000


async def test_a_job_is_paused_goes_on_and_is_run_by_hand() -> None:
    kept = Kept()
    work = bench({"command": "echo x", "period": 3_600, "type": "t"}, kept)
    task = asyncio.create_task(work.run())
    await kept.reach(1)
    work.pause("t-1", True)
    assert work.behaviours()[0]["state"] == "paused"
    await work.run_now("t-1")
    assert len(kept.seen) == 2
    work.set_period("t-1", 0.05)
    work.pause("t-1", False)
    await kept.reach(4)
    with pytest.raises(NotFound):
        work.task("other")
    task.cancel()


async def test_a_spool_that_fails_does_not_end_the_probe() -> None:
    async def full(one: Observation) -> None:
        raise Unavailable("disk full")

    work = Bench(jobs.parse({"command": "echo x"}), Source("p@localhost"), full)
    await asyncio.wait_for(work.run(), 30)
    assert work.behaviours()[0]["last_error"] == "disk full"


def test_what_was_missed_is_not_caught_up() -> None:
    job = jobs.parse({"command": "x", "period": 10}).jobs[0]
    assert schedule.next_run(job, origin=0, began=10, ended=11, failures=0, clock=NOW) == 20
    assert schedule.next_run(job, origin=0, began=10, ended=57, failures=0, clock=NOW) == 60


def test_a_cyclic_job_backs_off_while_it_fails() -> None:
    job = jobs.parse({"command": "x", "behaviour": "cyclic"}).jobs[0]
    runs = [schedule.next_run(job, origin=0, began=0, ended=0.1, failures=n, clock=NOW) for n in (0, 1, 3, 50)]
    assert runs == [1.0, 2.0, 8.0, 300.0]
    assert schedule.next_run(job, origin=0, began=0, ended=400, failures=0, clock=NOW) == 400


def test_a_schedule_runs_at_its_times_in_its_zone() -> None:
    job = jobs.parse({"command": "x", "cron": "30 2 * * *", "zone": "Europe/Luxembourg"}).jobs[0]
    assert job.behaviour == "schedule"
    # 02:30 in Luxembourg is 01:30 UTC in November; it is noon.
    assert schedule.first(job, 100.0, NOW) == 100.0 + timedelta(hours=13, minutes=30).total_seconds()
    at = NOW.replace(hour=1, minute=30)
    assert schedule.next_run(job, origin=0, began=0, ended=5.0, failures=0, clock=at) == 5.0 + 86_400


@pytest.mark.parametrize(
    "wrong",
    [
        {"cron": "61 * * * *"},
        {"cron": "* * *"},
        {"behaviour": "schedule"},
        {"cron": "* * * * *", "zone": "No/Where"},
    ],
)
def test_a_schedule_that_cannot_be_read_is_said_so(wrong: dict[str, str]) -> None:
    with pytest.raises(StartError):
        jobs.parse({"command": "x", **wrong})


async def test_a_machine_moves_by_what_its_jobs_find() -> None:
    seen: list[str] = []
    done = asyncio.Event()

    async def keep(one: Observation) -> None:
        seen.append(one.type)
        if len(seen) >= 5:
            done.set()

    config = jobs.parse(
        {
            "jobs": [
                {"name": "ping", "type": "ping", "command": "false"},
                {"name": "trace", "type": "trace", "command": "true"},
                {"name": "cry", "type": "cry", "command": "true"},
            ],
            "fsm": {
                "start": "up",
                "pause": 3600,
                "states": {
                    "up": {"job": "ping", "on": {"ok": "up", "*": "look"}},
                    "look": {"job": "trace", "on": {"ok": "tell"}},
                    "tell": {"job": "cry", "on": {"*": "up"}},
                },
            },
        }
    )
    work = Bench(config, Source("p@localhost"), keep)
    running = asyncio.create_task(work.run())
    await asyncio.wait_for(done.wait(), 20)
    assert seen[:5] == ["ping", "trace", "cry", "ping", "trace"]
    [machine] = [one for one in work.behaviours() if one["name"] == "fsm"]
    assert machine["detail"]["graph"]["up"] == {"ok": "up", "*": "look"}
    running.cancel()
    await asyncio.wait([running])


def test_a_machine_whose_parts_do_not_meet_is_refused() -> None:
    for states in ({"a": {"job": "nothing"}}, {"a": {"job": "x", "on": {"ok": "b"}}}):
        with pytest.raises(StartError, match="there is no"):
            jobs.parse({"jobs": [{"name": "x", "command": "true"}], "fsm": {"start": "a", "states": states}})


async def test_what_is_critical_is_looked_at_sooner() -> None:
    seen: list[Observation] = []
    third = asyncio.Event()

    async def keep(one: Observation) -> None:
        seen.append(one)
        if len(seen) == 3:
            third.set()

    config = jobs.parse({"command": "false", "period": 3_600, "sooner": {"critical": 0.1}})
    task = asyncio.create_task(Bench(config, Source("p@localhost"), keep).run())
    async with asyncio.timeout(20):
        await third.wait()
    task.cancel()
    await asyncio.wait([task])
    assert {one.detail["status"] for one in seen} == {"critical"}


async def test_a_behaviour_that_fails_by_our_own_fault_begins_anew_and_says_so() -> None:
    calls = 0
    kept = asyncio.Event()

    async def keep(one: Observation) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise RuntimeError("a fault of ours")
        kept.set()

    bench = Bench(jobs.parse({"command": "true", "period": 0.1}), Source("p@localhost"), keep)
    task = asyncio.create_task(bench.run())
    async with asyncio.timeout(20):
        await kept.wait()
    [shown] = bench.behaviours()
    task.cancel()
    await asyncio.wait([task])
    assert shown["restarts"] == 1
    assert shown["last_run"] is not None
