"""A probe's jobs at work: each runs by its behaviour, its checks go to the spool, its state can be read and steered."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog

from pumpkin.errors import NotFound, PumpkinError
from pumpkin.model.checks import Observation
from pumpkin.model.jobs import Job, Machine, ProbeConfig
from pumpkin.probes import schedule
from pumpkin.probes.measure import Source, measure

log = structlog.get_logger("pumpkin.probe")

MACHINE_GAP_S = 0.1
DRAWN = 60
"""How many of a job's last runs its view draws."""
RESTART_S = (1.0, 300.0)
"""How long a behaviour of ours that failed rests before it begins anew: at first, and at most."""

Keep = Callable[[Observation], Any]
Seen = Callable[[Job, Observation, str | None], Any]
"""Told of each check once it is kept: its job, and the status of that job's check before."""


class Task:
    """One job and how it stands. Times of day in microseconds, `due` on the loop's clock."""

    def __init__(self, job: Job, machine: str = "") -> None:
        self.job, self.given, self.machine = job, job, machine
        self.state = "idle"
        self.runs = self.failures = self.restarts = 0
        self.last_run: int | None = None
        self.last_status: str | None = None
        self.last_error: str | None = None
        self.due: float | None = None
        self.paused = False
        self.wake = asyncio.Event()
        self.durations_s: deque[float] = deque(maxlen=DRAWN)
        self.at_work: asyncio.Task[None] | None = None

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
                **({"machine": self.machine} if self.machine else {}),
                **({"cron": self.job.cron} if self.job.cron else {}),
            },
        }


class Engine:
    """A machine at work: where it stands, and how it came there."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.state = machine.start
        self.rounds = self.moves = self.restarts = 0
        self.last_error: str | None = None
        self.due: float | None = None

    def as_json(self) -> dict[str, Any]:
        """One entry of a behaviours report, with the graph to draw."""
        wait = None if self.due is None else max(0.0, self.due - asyncio.get_running_loop().time())
        return {
            "name": self.machine.name,
            "kind": "fsm",
            "state": "waiting" if self.due is not None else "running",
            "period_s": None,
            "next_run": None if wait is None else time.time_ns() // 1_000 + round(wait * 1_000_000),
            "last_run": None,
            "last_error": self.last_error,
            "restarts": self.restarts,
            "detail": {
                "at": self.state,
                "start": self.machine.start,
                "rounds": self.rounds,
                "moves": self.moves,
                "graph": {name: dict(state.on) for name, state in self.machine.states.items()},
            },
        }


class Bench:
    """All jobs of one probe, at most `config.parallel` tools at once: those of its file, and those it is assigned.

    `keep` (a coroutine function) takes each check; `changed` is called whenever a job's state changed; `seen`, when it
    is set, is told of each check.
    """

    def __init__(
        self, config: ProbeConfig, source: Source, keep: Keep, changed: Callable[[], None] = lambda: None
    ) -> None:
        self._source, self._keep, self._changed = source, keep, changed
        self._slots = asyncio.Semaphore(config.parallel)
        driven = {state.job: one.name for one in config.fsm for state in one.states.values()}
        self.tasks = {job.name: Task(job, driven.get(job.name, "")) for job in config.jobs}
        self.engines = [Engine(one) for one in config.fsm]
        self.seen: Seen | None = None
        self._stays = config.fleet_key is not None
        self._assigned: dict[str, Task] = {}
        self._done: Callable[[Job], Any] = _nothing
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Until every job is done; periodic and cyclic jobs never are, nor is a probe that may be given more."""
        once = [task for task in self.tasks.values() if task.job.behaviour == "one-shot" and not self._is_given(task)]
        async with asyncio.TaskGroup() as group:
            self._group = group
            for engine in self.engines:
                group.create_task(self._kept_up(engine.machine.name, partial(self._drive, engine), engine))
            for task in self.tasks.values():
                if self._is_given(task):
                    self._begin(task)
                elif task.job.behaviour not in ("one-shot", "fsm"):
                    group.create_task(self._kept_up(task.job.name, partial(self._repeat, task), task))
            # One worker a slot instead of one task a job: a list may hold a hundred thousand jobs.
            queue = iter(once)
            for _ in range(min(len(once), 256)):
                group.create_task(self._work_through(queue))
            if self._stays:
                group.create_task(_for_ever())

    def assign(self, jobs: Mapping[str, Job], done: Callable[[Job], Any], finished: Callable[[Job], bool]) -> None:
        """Make the assigned jobs these, by name: what is gone or changed ends at once, a tool under way included.

        `done` (a coroutine function) is awaited when a one-shot job has run; `finished` says whether one has.
        """
        for name, task in list(self._assigned.items()):
            if jobs.get(name) != task.given:
                if task.at_work is not None:
                    task.at_work.cancel()
                del self._assigned[name]
                self.tasks.pop(name, None)
        for name, job in jobs.items():
            if name in self._assigned or name in self.tasks:
                continue
            task = self.tasks[name] = self._assigned[name] = Task(job)
            if job.behaviour == "one-shot" and finished(job):
                task.state = "done"
            elif self._group is not None:
                self._begin(task)
        self._done = done
        self._changed()

    def _is_given(self, task: Task) -> bool:
        return task.job.name in self._assigned

    def _begin(self, task: Task) -> None:
        if self._group is None or task.state == "done":
            return
        work = partial(self._single if task.job.behaviour == "one-shot" else self._repeat, task)
        task.at_work = self._group.create_task(self._kept_up(task.job.name, work, task))

    async def _single(self, task: Task) -> None:
        await self._once(task)
        task.state = "done"
        await self._done(task.job)
        self._changed()

    async def measure(self, job: Job) -> Observation:
        """Run a job that is nobody's behaviour (one of a shared list), within the slots; its check is kept."""
        return await self._once(Task(job))

    async def _kept_up(self, name: str, work: Callable[[], Any], one: Task | Engine) -> None:
        """A behaviour, begun anew when it fails by a fault of ours: later and later, and counted."""
        pause_s = RESTART_S[0]
        while True:
            try:
                await work()
                return
            except Exception as error:
                one.restarts += 1
                one.last_error = f"{type(error).__name__}: {error}"[:300]
                one.state = "failed" if isinstance(one, Task) else one.machine.start
                log.exception("behaviour failed", job=name, restarts=one.restarts)
            self._changed()
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, RESTART_S[1])

    def behaviours(self) -> list[dict[str, Any]]:
        """How every job stands; of a long list the first hundred."""
        return [one.as_json() for one in self.engines] + [one.as_json() for one in list(self.tasks.values())[:100]]

    def durations(self) -> dict[str, list[float]]:
        """By job, how long its last runs took (seconds); of those that ran at least twice, the first ten."""
        drawn = [task for task in self.tasks.values() if len(task.durations_s) > 1][:10]
        return {f"{task.job.name}: seconds a run": list(task.durations_s) for task in drawn}

    def task(self, name: str) -> Task:
        """The job of that name, the first for an empty one; NotFound for any other."""
        name = name or next(iter(self.tasks), "")
        try:
            return self.tasks[name]
        except KeyError:
            raise NotFound(f"This probe has no job {name[:100]!r}.") from None

    async def run_now(self, name: str) -> Observation:
        """Run one job at once, whatever its behaviour; its check is kept like any other."""
        return await self._once(self.task(name))

    async def confirm(self, kind: str, target: str) -> Observation:
        """Look at once at what another probe saw; NotFound unless a job of this one is of that type and target."""
        for task in self.tasks.values():
            if task.job.type == kind and (task.job.target or "") == target:
                return await self._once(task)
        raise NotFound(f"This agent does not look at {target[:100] or 'that'} by {kind[:60]}.")

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
        task.due = schedule.first(task.job, origin, datetime.now(UTC))
        while task.due is not None or task.paused:
            if not await self._due(task):
                origin = loop.time()  # paused, or its period changed: a new grid from here
                task.due = self._anew(task, origin)
                continue
            began = loop.time()
            await self._once(task)
            task.due = schedule.next_run(
                task.job,
                origin=origin,
                began=began,
                ended=loop.time(),
                failures=task.failures,
                clock=datetime.now(UTC),
            )
            sooner = task.job.sooner.get(task.last_status or "")  # type: ignore[call-overload]
            if sooner is not None and task.due is not None:
                task.due = min(task.due, loop.time() + sooner)
            self._changed()
        task.state = "done"

    @staticmethod
    def _anew(task: Task, now: float) -> float | None:
        """When a job that was steered runs next."""
        if task.job.behaviour == "schedule":
            return schedule.following(task.job, now, datetime.now(UTC))
        return now + (task.job.period or task.job.min_gap)

    async def _drive(self, engine: Engine) -> None:
        """A machine, round after round."""
        loop = asyncio.get_running_loop()
        while True:
            state = engine.machine.states[engine.state]
            seen = await self._once(self.tasks[state.job])
            following = state.on.get(seen.detail.get("status", "unknown")) or state.on.get("*")
            engine.moves += following is not None
            pause_s = state.pause if following is not None else engine.machine.pause
            engine.rounds += following is None
            engine.state = following or engine.machine.start
            engine.due = loop.time() + pause_s
            self._changed()
            # A circle of jobs that end at once must not turn the processor.
            await asyncio.sleep(max(pause_s, MACHINE_GAP_S))
            engine.due = None

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
        task.durations_s.append(float(seen.detail.get("run", {}).get("duration_s") or 0.0))
        before, task.last_status = task.last_status, seen.detail.get("status")
        failed = task.last_status in ("unknown", "critical")
        task.failures = task.failures + 1 if failed else 0
        task.last_error = _fault(seen) if failed else None
        try:
            await self._keep(seen)
        except PumpkinError as error:
            # The disk of the probe itself: said loudly, and the probe goes on; nothing better can be done here.
            task.last_error = error.message
            log.error("check not kept", job=task.job.name, reason=error.message)
        if self.seen is not None:
            self.seen(task.job, seen, before)
        return seen


async def _nothing(job: Job) -> None:
    return None


async def _for_ever() -> None:
    await asyncio.Event().wait()


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
