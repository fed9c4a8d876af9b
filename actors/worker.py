"""Claims tasks while it has free slots, keeps their leases, has each analysed, keeps the report and ends the task.

The lease fences: a task that was taken away (its lease lapsed, its owner cancelled it, its time was over) cannot be
ended by whoever had it before, and its report is not kept.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from actors.base import LoopActor, describe
from pumpkin.bus import Bus
from pumpkin.errors import PumpkinError, Unavailable
from pumpkin.model.tasks import ATTEMPTS, BEAT_S, Ending, Task
from pumpkin.store import reports, tasks
from pumpkin.store.database import Database
from pumpkin.store.reports import NewReport
from pumpkin.store.tasks import Note

IDLE_S = 5.0
PAUSE_S = (1.0, 5.0)  # before a task that failed for want of a part is given back: after its first, its later attempts
CLAIM_MOST = 16
KEEP_TRIES = 60
NOTE_S = 0.25  # what a task is doing is written down at most this often; a short one costs nothing

Tell = Callable[[str, Mapping[str, Any]], None]
Analyse = Callable[[Task, Tell], Awaitable[tuple[NewReport | None, Ending]]]
log = structlog.get_logger("pumpkin.worker")


class Worker(LoopActor):
    """`analyse(task, tell)` gives the report and how the task ends; it raises PumpkinError for want of a part (the
    task is tried again). `kept()` is told of each new report.
    `slots` is asked each time: engines come and go; `publish` tells moves to other processes, too."""

    def __init__(
        self,
        db: Database,
        bus: Bus,
        node: str,
        analyse: Analyse,
        *,
        slots: Callable[[], int] = lambda: 1,
        tools: Callable[[], str] = str,
        kept: Callable[[], None] = lambda: None,
        publish: Callable[[str, dict[str, Any]], None] | None = None,
        pause_s: tuple[float, float] = PAUSE_S,
    ) -> None:
        super().__init__()
        self._db, self._bus, self._node, self._analyse = db, bus, node, analyse
        self._publish = publish or bus.publish
        self._slots, self._tools, self._kept, self._pause_s = slots, tools, kept, pause_s
        self._running: dict[int, asyncio.Task[Any]] = {}
        self._ending: set[int] = set()
        self._notes: dict[int, Note] = {}
        self._noted = asyncio.Event()
        self._woken = asyncio.Event()
        self._closing = False
        self.done = self.failed = 0

    async def on_start(self) -> None:
        await self._announce()
        _ = self.spawn(self._work(), name="claims")
        _ = self.spawn(self._note(), name="phases")
        self.every(BEAT_S, "beat")

    async def on_receive(self, message: Any) -> Any:
        if message == "beat":
            with contextlib.suppress(Unavailable):
                await self._beat()

    async def on_stop(self) -> None:
        """What runs is given back to the queue at once, and nothing more is taken."""
        self._closing = True
        for work in list(self._running.values()):
            work.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    # -- what others call on the loop

    @property
    def free(self) -> int:
        """How many more tasks could start now."""
        if self._closing:
            return 0
        return max(0, self._slots() - len(self._running))

    def hand(self, task: Task) -> None:
        """Take over a task that is running in this node's name."""
        self._begin(task)

    def wake(self) -> None:
        """Something may wait."""
        self._woken.set()

    def drop(self, task_id: int) -> None:
        """A task is no longer ours."""
        work = self._running.get(task_id)
        if work is not None and task_id not in self._ending:
            work.cancel()

    def status(self) -> dict[str, Any]:
        """Figures for a page or metric."""
        return {"slots": self._slots(), "running": len(self._running), "done": self.done, "failed": self.failed}

    # -- claiming

    async def _work(self) -> None:
        while True:
            try:
                await self._take()
            except Unavailable as error:
                log.warning("the queue cannot be read", why=error.message)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), IDLE_S)
            self._woken.clear()

    async def _take(self) -> None:
        while self.free > 0:
            claimed = await tasks.claim(self._db, self._node, min(self.free, CLAIM_MOST))
            for task in claimed:
                self._begin(task)
            if not claimed:
                return

    def _begin(self, task: Task) -> None:
        if task.id not in self._running:
            work = self._running[task.id] = self.spawn(self._run(task), name=f"task {task.id}")
            work.add_done_callback(lambda work: self._over(task.id, work))

    def _over(self, task_id: int, work: asyncio.Task[Any]) -> None:
        """Also for one that was dropped before its first step."""
        if self._running.get(task_id) is work:
            del self._running[task_id]
            self._ending.discard(task_id)
            self._woken.set()

    async def _beat(self) -> None:
        await self._announce()
        if not self._running:
            return
        asked = [one for one in self._running if one not in self._ending]
        ours = await tasks.beat(self._db, self._node, asked)
        for task_id in asked:
            if task_id in ours or task_id in self._ending or task_id not in self._running:
                continue  # kept, or it came to its end while this was asked
            log.warning("a task was taken away", task=task_id)
            self.drop(task_id)

    async def _announce(self) -> None:
        with contextlib.suppress(Unavailable):
            await tasks.announce(self._db, self._node, self._slots(), self._tools())

    # -- one task

    async def _run(self, task: Task) -> None:
        self._moved(task, "running", 0)
        try:
            await self._ended(task, *await self._analysed(task))
        except asyncio.CancelledError:
            await asyncio.shield(self._give_back(task, "queue_error", "Its server was stopped.", attempts=1_000_000))
            raise
        except PumpkinError as error:
            log.warning("a task failed for now", task=task.id, attempt=task.attempt, why=error.message)
            await self._later(task, category(error), error.message)
        except Exception as error:
            log.error("a task failed here", task=task.id, exc_info=error)
            await self._later(task, "unknown_error", f"internal error ({describe(error).partition(':')[0]})")
        finally:
            if work := asyncio.current_task():
                self._over(task.id, work)

    async def _analysed(self, task: Task) -> tuple[NewReport | None, Ending]:
        def tell(kind: str, data: Mapping[str, Any]) -> None:
            if kind == "container":
                self._doing(task, container=str(data["id"]))
                return
            self._bus.publish("task.event", {"task_id": task.id, "kind": kind, **data})
            if kind == "phase" and "started" in (data.get("state"), data.get("status")):
                self._doing(task, phase=str(data.get("phase"))[:100])

        seconds = max(0.0, ((task.deadline or task.clock) - (task.clock or task.started or 0)) / 1e6)
        try:
            async with asyncio.timeout(seconds):
                return await self._analyse(task, tell)
        except TimeoutError:
            return None, Ending("timeout", category="timeout_error", message="The analysis was over its time.")

    def _doing(self, task: Task, phase: str | None = None, container: str | None = None) -> None:
        """What a task is doing, for those who watch, and soon for its row."""
        known = self._notes.get(task.id, Note(task, None, None))
        self._notes[task.id] = Note(task, phase or known.phase, container or known.container)
        self._noted.set()
        if phase is not None:
            self._moved(task, "running", 0, phase)

    async def _note(self) -> None:
        while True:
            await self._noted.wait()
            await asyncio.sleep(NOTE_S)
            self._noted.clear()
            notes = [one for one in self._notes.values() if one.task.id in self._running]
            self._notes.clear()
            if notes:
                with contextlib.suppress(Unavailable):
                    await tasks.note(self._db, notes)

    async def _ended(self, task: Task, report: NewReport | None, ending: Ending) -> None:
        self._ending.add(task.id)
        number = await self._kept_at_last(task, report, ending)
        if number is None:
            log.warning("a report came too late and was not kept", task=task.id, attempt=task.attempt)
            return
        self.done += 1
        self.failed += ending.state == "failed"
        self._moved(task, ending.state, None)
        if number:
            self._publish(
                "report.ready",
                {
                    "task_id": task.id,
                    "outcome": ending.outcome,
                    "score": ending.verdict.get("score"),
                    "url": f"/api/v1/reports/{number}/",
                },
            )
            self._kept()

    async def _kept_at_last(self, task: Task, report: NewReport | None, ending: Ending) -> int | None:
        """As `reports.finish`, again while the database is away: only the end is missing."""
        for _ in range(KEEP_TRIES):
            try:
                return await reports.finish(self._db, task, report, ending)
            except Unavailable as error:
                log.warning("a report waits for the database", task=task.id, why=error.message)
                await asyncio.sleep(PAUSE_S[0])
        return await reports.finish(self._db, task, report, ending)

    async def _later(self, task: Task, what: str, cause: str) -> None:
        await asyncio.sleep(self._pause_s[min(task.attempt, 2) - 1] if task.attempt < ATTEMPTS else 0)
        await self._give_back(task, what, cause)

    async def _give_back(self, task: Task, what: str, cause: str, attempts: int = ATTEMPTS) -> None:
        with contextlib.suppress(Unavailable):
            state = await tasks.release(self._db, task, what, cause, attempts)
            if state is not None:
                self._moved(task, state, None)

    def _moved(self, task: Task, state: str, place: int | None, phase: str | None = None) -> None:
        self._publish("task.moved", {"task_id": task.id, "status": state, "queue_position": place, "phase": phase})


def category(error: PumpkinError) -> str:
    """Which of the contract's categories an infrastructure's error is."""
    if error.code in ("no_image", "build_failed"):
        return "docker_image_error"
    if error.code in ("engine", "no_engine", "sandbox_lost"):
        return "docker_error"
    return "queue_error" if error.code == "unavailable" else "analysis_error"
