"""Two processes' queues and workers on one database: what one does, the other hears and may take over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from actors.queue import Queue
from actors.supervision import System
from actors.worker import Worker
from pumpkin.bus import Bus
from pumpkin.model.tasks import Decision, Ending
from pumpkin.store import tasks
from pumpkin.store.database import Database
from tests.store.test_tasks import wish


class Process:
    """The queue and worker of one node; `hold` keeps what it analyses from ending."""

    def __init__(self, db: Database, node: str) -> None:
        self.db, self.node, self.bus = db, node, Bus(history=1_000)
        self.system = System(self.bus)
        self.hold = asyncio.Event()
        self.ran: list[int] = []

    async def start(self, slots: int) -> None:
        workers: list[Any] = []
        self.queue = await self.system.start(
            "queue",
            lambda: Queue.start(
                self.db, self.bus, self.node,
                free=lambda: workers[0].actor.free if workers else 0,
                hand=lambda task: workers[0].actor.hand(task),
                wake=lambda: workers[0].actor.wake() if workers else None,
                drop=lambda task_id: workers[0].actor.drop(task_id) if workers else None,
            ),
        )  # fmt: skip
        workers.append(
            await self.system.start(
                "worker",
                lambda: Worker.start(
                    self.db, self.bus, self.node, self.analyse, slots=lambda: slots,
                    publish=lambda topic, data: self.queue.actor.publish(topic, data),
                ),
            )
        )  # fmt: skip
        self.worker = workers[0]

    async def analyse(self, task: Any, _tell: Any) -> Any:
        self.ran.append(task.id)
        await self.hold.wait()
        return None, Ending("clean", {"score": 0})

    async def until(self, status: str, since: int = 0) -> Any:
        async with asyncio.timeout(15):
            async for event in self.bus.subscribe(["task.moved"], since=since):
                if event.data["status"] == status:
                    return event.data
        raise AssertionError


@pytest.fixture
async def pair(dsn: str, database: Database) -> AsyncIterator[tuple[Process, Process]]:
    """Two nodes with connections of their own."""
    other = Database(dsn)
    made = Process(database, "one"), Process(other, "two")
    yield made
    for process in made:
        await process.system.stop()
    await other.close()


async def test_a_process_without_slots_has_its_tasks_done_by_the_other(pair: tuple[Process, Process]) -> None:
    one, two = pair
    await one.start(0)
    await two.start(2)
    two.hold.set()
    decided = await one.queue.actor.submit(wish())
    assert decided.decision is Decision.NEW
    async with asyncio.timeout(3):  # by NOTIFY, not by the worker's look every five seconds
        while not two.ran:
            await asyncio.sleep(0.01)
    assert two.ran == [decided.id]


async def test_moves_are_told_to_other_processes(pair: tuple[Process, Process]) -> None:
    one, two = pair
    await one.start(0)
    await two.start(1)
    for process in pair:
        await process.queue.ask("sweep")
    two.hold.set()
    decided = await two.queue.actor.submit(wish())
    assert (await one.until("completed"))["task_id"] == decided.id
    statuses = [event.data["status"] for event in one.bus._history if event.topic == "task.moved"]
    assert statuses == ["queued", "running", "completed"]


async def test_a_task_cancelled_at_one_process_stops_at_the_other(pair: tuple[Process, Process]) -> None:
    one, two = pair
    await one.start(0)
    await two.start(1)
    decided = await two.queue.actor.submit(wish())
    await two.until("running")
    assert await tasks.cancel(one.db, decided.id or 0) == "running"
    one.queue.actor.cancelled(decided.id or 0)
    async with asyncio.timeout(30):  # by its beat, where the word came before it listened
        while two.worker.actor.status()["running"]:
            await asyncio.sleep(0.01)
    found = await tasks.get(one.db, decided.id or 0)
    assert found is not None
    assert (found.state, found.outcome) == ("failed", "cancelled")


async def test_a_task_dropped_before_its_first_step_holds_no_slot(pair: tuple[Process, Process]) -> None:
    one, _ = pair
    await one.start(1)
    (decided,) = await tasks.submit(one.db, [wish()], node="elsewhere", slots=1)
    task = await tasks.get(one.db, decided.id or 0)
    assert task is not None
    one.worker.actor.hand(task)
    assert one.worker.actor.free == 0
    one.worker.actor.drop(task.id)
    async with asyncio.timeout(10):
        while not one.worker.actor.free:
            await asyncio.sleep(0.01)
    assert one.ran == []


async def test_a_dead_processs_task_is_taken_over_when_its_lease_lapses(pair: tuple[Process, Process]) -> None:
    one, two = pair
    await one.start(1)
    decided = await one.queue.actor.submit(wish())
    await one.until("running")
    await one.system.stop()  # gives it back in good order; what a dead process leaves is this:
    async with one.db.writer() as connection:
        await connection.execute("update tasks set state = 'running', node = 'one', lease = 1, attempt = 1")
    two.hold.set()
    await two.start(1)
    await two.queue.actor.sweep()
    async with asyncio.timeout(10):
        while not two.ran:
            await asyncio.sleep(0.01)
    assert two.ran == [decided.id]


async def test_many_submissions_at_once_are_decided_together(pair: tuple[Process, Process]) -> None:
    one, _ = pair
    await one.start(0)
    answers = await asyncio.gather(*(one.queue.actor.submit(wish(str(n % 7))) for n in range(200)))
    assert len({answer.id for answer in answers}) == 7
    assert sum(answer.decision is Decision.NEW for answer in answers) == 7
