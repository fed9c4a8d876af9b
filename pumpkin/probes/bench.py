"""A probe's jobs at work: each runs by its behaviour, its checks go to the spool, its state can be read and steered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import structlog

from pumpkin.errors import NotFound, PumpkinError
from pumpkin.model.checks import Observation
from pumpkin.model.jobs import Job, ProbeConfig
from pumpkin.probes import schedule
from pumpkin.probes.measure import Source, measure

log = structlog.get_logger("pumpkin.probe")

Keep = Callable[[Observation], Any]


class Task:
    """One job and how it stands. Times of day in microseconds, `due` on the loop's clock."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.state = "idle"
        self.runs = self.failures = self.restarts = 0
        self.last_run: int | None = None
        self.last_status: str | None = None
        self.last_error: str | None = None
        self.due: float | None = None
        self.paused = False
        self.wake = asyncio.Event()

    def as_json(self) -> dict[str, Any]:
        """One entry of a behaviours report (rulings.md 41)."""
        loop = asyncio.get_running_loop()
        wait = None if self.due is None or self.paused else max(0.0, self.due - loop.time())
        return {
            "name": self.job.name,
            "kind": self.job.behaviour,
            "state": "paused" if self.paused and self.state != "running" else self.state,
            "period_s": self.job.period,
            "next_run": None if wait is None else time.time_ns() // 1_000 + round(wait * 1_000_000),
            "last_run": self.last_run,
            "last_error": self.last_error,
            "restarts": self.restarts,
            "detail": {
                "type": self.job.type,
                "target": self.job.target,
                "runs": self.runs,
                "status": self.last_status,
            },
        }


class Bench:
    """All jobs of one probe, at most `config.parallel` tools at once.

    `keep` (a coroutine function) takes each check; `changed` is called whenever a job's state changed.
    """

    def __init__(
        self, config: ProbeConfig, source: Source, keep: Keep, changed: Callable[[], None] = lambda: None
    ) -> None:
        self._source, self._keep, self._changed = source, keep, changed
        self._slots = asyncio.Semaphore(config.parallel)
        self.tasks = {job.name: Task(job) for job in config.jobs}

    async def run(self) -> None:
        """Until every job is done; periodic and cyclic jobs never are."""
        once = [task for task in self.tasks.values() if task.job.behaviour == "one-shot"]
        async with asyncio.TaskGroup() as group:
            for task in self.tasks.values():
                if task.job.behaviour != "one-shot":
                    group.create_task(self._repeat(task))
            # One worker a slot instead of one task a job: a list may hold a hundred thousand jobs.
            queue = iter(once)
            for _ in range(min(len(once), 256)):
                group.create_task(self._work_through(queue))

    def behaviours(self) -> list[dict[str, Any]]:
        """How every job stands; of a long list the first hundred."""
        return [task.as_json() for task in list(self.tasks.values())[:100]]

    def task(self, name: str) -> Task:
        """The job of that name, the first for an empty one; NotFound for any other."""
        name = name or next(iter(self.tasks))
        try:
            return self.tasks[name]
        except KeyError:
            raise NotFound(f"This probe has no job {name[:100]!r}.") from None

    async def run_now(self, name: str) -> Observation:
        """Run one job at once, whatever its behaviour; its check is kept like any other."""
        return await self._once(self.task(name))

    def pause(self, name: str, paused: bool) -> None:
        """Hold a repeating job back, or let it go on; a run under way is not touched."""
        task = self.task(name)
        task.paused = paused
        task.wake.set()
        self._changed()

    def set_period(self, name: str, period_s: float) -> None:
        """Another period (periodic) or least gap (cyclic) from now on, in seconds."""
        task = self.task(name)
        change = {"period": period_s} if task.job.behaviour == "periodic" else {"min_gap": max(1.0, period_s)}
        task.job = Job.model_validate({**task.job.model_dump(), **change})
        task.wake.set()
        self._changed()

    async def _work_through(self, queue: Any) -> None:
        for task in queue:
            await self._once(task)
            task.state = "done"
            self._changed()

    async def _repeat(self, task: Task) -> None:
        loop = asyncio.get_running_loop()
        origin = loop.time()
        task.due = schedule.first(task.job, origin)
        while True:
            if not await self._due(task):
                origin = loop.time()  # paused, or its period changed: a new grid from here
                task.due = origin + (task.job.period or task.job.min_gap)
                continue
            began = loop.time()
            await self._once(task)
            task.due = schedule.next_run(
                task.job, origin=origin, began=began, ended=loop.time(), failures=task.failures
            )
            self._changed()

    async def _due(self, task: Task) -> bool:
        """Wait for the job's time; False when it was steered meanwhile."""
        while task.paused:
            task.wake.clear()
            await task.wake.wait()
            if not task.paused:
                return False
        task.wake.clear()
        try:
            async with asyncio.timeout_at(task.due):
                await task.wake.wait()
        except TimeoutError:
            return True
        return False

    async def _once(self, task: Task) -> Observation:
        async with self._slots:
            task.state, task.last_run = "running", time.time_ns() // 1_000
            self._changed()
            try:
                seen = await measure(task.job, self._source)
            finally:
                task.state = "idle"
        task.runs += 1
        task.last_status = seen.detail.get("status")
        failed = task.last_status in ("unknown", "critical")
        task.failures = task.failures + 1 if failed else 0
        task.last_error = _fault(seen) if failed else None
        try:
            await self._keep(seen)
        except PumpkinError as error:
            # The disk of the probe itself: said loudly, and the probe goes on; nothing better can be done here.
            task.last_error = error.message
            log.error("check not kept", job=task.job.name, reason=error.message)
        return seen


def _fault(seen: Observation) -> str:
    run, result = seen.detail.get("run", {}), seen.detail.get("result", {})
    if run.get("timed_out"):
        return "timed out"
    if run.get("signal"):
        return f"ended by signal {run['signal']}"
    if run.get("exit_status") is None:
        return str(run.get("stderr", ""))[:300] or "could not be run"
    if run["exit_status"] != 0:
        return f"exit status {run['exit_status']}: {str(run.get('stderr', '')).strip()[:300]}"
    return str(result.get("error") or "not the expected value")[:300]
