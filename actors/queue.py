"""The queue's desk: submissions decided many at a time, the dead swept, moves told here and to other processes.

Truth stands in PostgreSQL. Submissions gather while the statement before them is under way, as the aggregator's rows
do; where a slot is free and nothing waits, a new task is handed to the worker of this process by the same statement.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import structlog

from actors.base import LoopActor
from pumpkin.bus import Bus
from pumpkin.errors import Backpressure, PumpkinError, Unavailable
from pumpkin.model.tasks import Decided, Decision, Submission, Task
from pumpkin.store import listening, tasks
from pumpkin.store.database import Database

SWEEP_S = 5.0
TIDY_S = 3_600.0
BATCH = 64
WAITING_MOST = 5_000
TRIES = 3
UNTOLD_MOST = 1_000
SAID_AT_ONCE = 20  # a NOTIFY carries 8,000 bytes

log = structlog.get_logger("pumpkin.queue")
_Ask = tuple[Submission, "asyncio.Future[Decided]"]


class Queue(LoopActor):
    """`node` names this process's worker for good. `free()` is how many tasks it could start now, `hand(task)` gives it
    one that is running in its name, `wake()` tells it that something waits, `drop(id)` that a task was cancelled."""

    def __init__(
        self,
        db: Database,
        bus: Bus,
        node: str,
        *,
        free: Callable[[], int] = lambda: 0,
        hand: Callable[[Task], None] = lambda _: None,
        wake: Callable[[], None] = lambda: None,
        drop: Callable[[int], None] = lambda _: None,
    ) -> None:
        super().__init__()
        self._db, self._bus, self._node = db, bus, node
        self._free, self._hand, self._wake, self._drop = free, hand, wake, drop
        self._waiting: deque[_Ask] = deque()
        self._arrived = asyncio.Event()
        self._others = False
        self._untold: deque[dict[str, Any]] = deque(maxlen=UNTOLD_MOST)
        self._saying = asyncio.Event()

    async def on_start(self) -> None:
        self._others = await tasks.others(self._db, self._node)
        for task in await tasks.sweep(self._db, self._node):
            self._moved(task)
        _ = self.spawn(self._decide(), name="submissions")
        _ = self.spawn(listening.listen(self._db, self._heard, self._wake), name="listening")
        _ = self.spawn(self._say(), name="telling other processes")
        self.every(SWEEP_S, "sweep")
        self.every(TIDY_S, "tidy")

    async def on_receive(self, message: Any) -> Any:
        with contextlib.suppress(Unavailable):
            if message == "sweep":
                await self.sweep()
                self._others = await tasks.others(self._db, self._node)
            elif message == "tidy":
                await tasks.tidy(self._db)

    def release(self) -> None:
        while self._waiting:
            _settle(self._waiting.popleft()[1], Unavailable("The queue is being restarted; send it again."))

    # -- what others call on the loop

    async def submit(self, wanted: Submission) -> Decided:
        """What it came to, durably. Backpressure past WAITING_MOST, Unavailable while the database is away."""
        if len(self._waiting) >= WAITING_MOST:
            raise Backpressure
        answer: asyncio.Future[Decided] = asyncio.get_running_loop().create_future()
        self._waiting.append((wanted, answer))
        self._arrived.set()
        return await answer

    async def sweep(self) -> None:
        """Free what the dead hold and end what is over its time, now."""
        moved = await tasks.sweep(self._db)
        for task in moved:
            log.info("swept", task=task.id, state=task.state, cause=task.cause)
            self._moved(task)
            if task.node is None:
                self._drop(task.id)
        if moved:
            self._wake()

    def publish(self, topic: str, data: dict[str, Any]) -> None:
        """Tell an event here, and to the other processes on this database where there are some."""
        self._bus.publish(topic, data)
        if self._others:
            self._untold.append({"topic": topic, "data": data})
            self._saying.set()

    def cancelled(self, task_id: int) -> None:
        """A task was ended by its owner."""
        self.publish("task.moved", {"task_id": task_id, "status": "failed", "queue_position": None, "phase": None})
        self._drop(task_id)

    # -- submissions

    async def _decide(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                asks = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
                await self._decided([ask for ask in asks if not ask[1].done()])

    async def _decided(self, asks: list[_Ask]) -> None:
        try:
            answers = await self._asked([wanted for wanted, _ in asks])
        except asyncio.CancelledError:
            for _, answer in asks:
                _settle(answer, Unavailable("The queue is being restarted; send it again."))
            raise
        except Exception as error:
            if len(asks) > 1:
                for ask in asks:  # one that cannot be decided must not spoil the rest
                    await self._decided([ask])
                return
            if not isinstance(error, PumpkinError):
                log.error("submission failed", purl=asks[0][0].purl, exc_info=error)
            _settle(asks[0][1], error if isinstance(error, PumpkinError) else PumpkinError())
            return
        for (wanted, answer), decided in zip(asks, answers, strict=True):
            _settle(answer, decided)  # first: whoever asked is answered before the analysis takes its turn on the loop
            self._announce(wanted, decided)

    async def _asked(self, wanted: list[Submission]) -> list[Decided]:
        for left in reversed(range(TRIES)):
            try:
                return await tasks.submit(self._db, wanted, node=self._node, slots=self._free())
            except Exception as error:
                if not left or type(error).__name__ not in ("DeadlockDetectedError", "SerializationError"):
                    raise
        raise AssertionError

    def _announce(self, wanted: Submission, decided: Decided) -> None:
        if decided.decision not in (Decision.NEW, Decision.HANDED) or decided.id is None:
            return
        place = decided.place or 1
        moved = {"task_id": decided.id, "status": "queued", "queue_position": place, "phase": None}
        self.publish("task.moved", moved)
        if decided.decision is Decision.HANDED:
            self._hand(_task(wanted, decided, self._node))
        else:
            self._wake()

    # -- moves

    def _moved(self, task: Task) -> None:
        self.publish(
            "task.moved",
            {"task_id": task.id, "status": task.state, "queue_position": task.place, "phase": task.phase},
        )

    async def _say(self) -> None:
        while True:
            await self._saying.wait()
            self._saying.clear()
            while self._untold:
                events = [self._untold.popleft() for _ in range(min(SAID_AT_ONCE, len(self._untold)))]
                with contextlib.suppress(Unavailable):
                    await listening.say(self._db, json.dumps({"from": self._node, "events": events}))

    def _heard(self, payload: str) -> None:
        try:
            said = json.loads(payload)
        except ValueError:
            return
        if not isinstance(said, dict):
            return
        if said.get("from") == self._node:
            return
        for event in said.get("events", ()):
            self._bus.publish(event["topic"], event["data"])
        if "queued" in said:
            self._wake()
        if isinstance(said.get("cancelled"), int):
            self._drop(said["cancelled"])


def _task(wanted: Submission, decided: Decided, node: str) -> Task:
    """The task that was made and handed over by one statement, without reading it again; its times are ours."""
    assert decided.id is not None
    assert decided.uuid is not None
    now = time.time_ns() // 1_000
    return Task(
        id=decided.id, uuid=decided.uuid, owner=wanted.owner, realm=wanted.realm, asked=wanted.asked, purl=wanted.purl,
        ecosystem=wanted.ecosystem, name=wanted.name, version=wanted.version, tools=wanted.tools, state="running",
        priority=wanted.priority, forced=wanted.forced, flagged=wanted.flagged, webhook=wanted.webhook,
        upload=wanted.upload, created=now, queued=now, started=now, ended=None, timeout_s=wanted.timeout_s,
        attempt=decided.attempt or 1, node=node, lease=None, heartbeat=now, container=None, phase=None, phases={},
        cause=None, outcome=None, verdict=None, category=None, message=None, details=None, report=None,
        report_size=None, report_made=None, clock=now,
    )  # fmt: skip


def _settle(answer: asyncio.Future[Decided], outcome: Decided | PumpkinError) -> None:
    if answer.done():  # whoever asked has gone
        return
    if isinstance(outcome, PumpkinError):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)
