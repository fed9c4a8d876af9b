"""Supervises the analyses of packages in sandboxes: engines, warm pools, one deadline a run, live events.

`analyse` is called from the loop by whoever has claimed a task. It waits for a slot, runs the job in a fresh sandbox,
hands each event on as it comes and gives the report back; the deadline, the kill and the clean-up stand in one scope.
A run whose engine is lost in the middle is begun again, once, where another engine has a slot or the lost one is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog

from actors.base import LoopActor
from pumpkin.adapters.engine import Engine, EngineError, Job, NoEngine, NoImage, Registries
from pumpkin.adapters.engines.faults import SandboxLost
from pumpkin.adapters.engines.pool import Pool
from pumpkin.adapters.engines.sandbox import Sandbox
from pumpkin.analysis import observed
from pumpkin.analysis.blank import BLANK
from pumpkin.analysis.strace import Folding
from pumpkin.model.reports import Artifact, Environment, Report

CHECK_S = 5.0
WARM_AFTER_S = 3.0
LAST_WORDS_S = 15.0
FAREWELLS, FAREWELL_S = 4, 0.5
FAILURES = 3  # sandboxes that did not start, for one run
BASELINE_DEADLINE_S = 120.0

Tell = Callable[[Mapping[str, Any]], None]
Find = Callable[[], Awaitable[Engine]]
log = structlog.get_logger("pumpkin.sandbox")


class SandboxSupervisor(LoopActor):
    """`engines` in order of preference (it closes them); without any, `find` is asked until one is there. `warm`
    sandboxes are kept ready on each, soon after the start; `registries` is what a sandbox may read, None for nothing;
    `auto_build` makes a missing image when the first analysis wants it; `why` tells why there is no engine at all.
    `blank` makes, by ecosystem, the package whose run is the baseline. Nothing of it hinders the start: what is missing
    is said by `unavailable`."""

    def __init__(
        self,
        engines: Sequence[Engine] = (),
        *,
        find: Find | None = None,
        registries: Registries | None = None,
        warm: int = 1,
        auto_build: bool = True,
        blank: Mapping[str, Callable[[], tuple[str, bytes]]] = BLANK,
        why: str = "",
    ) -> None:
        super().__init__()
        self._pools = [Pool(engine, 0) for engine in engines]
        self._find, self._registries, self._auto_build, self._warm = find, registries, auto_build, warm
        self._freed = asyncio.Condition()
        self._swept: set[str] = set()
        self._checking = asyncio.Lock()
        self._asked = False
        self._blank, self._why = blank, why
        self._baselines: dict[str, asyncio.Future[frozenset[str]]] = {}

    # -- its life

    async def on_start(self) -> None:
        self._begin(self._check(), "engines")
        self.every(CHECK_S, "check")
        self.after(WARM_AFTER_S, "warm")

    async def on_receive(self, message: Any) -> Any:
        if message == "check":
            self._begin(self._check(), "engines")
        elif message == "warm":
            for pool in self._pools:
                pool.wanted = self._warm
                pool.fill()
        elif message == "build":
            for pool in self._pools:
                self._begin(self._build_quietly(pool), "image")
        elif message == "status":
            return self.status()
        return None

    async def on_stop(self) -> None:
        for pool in self._pools:
            await pool.close()

    # -- what others read and call

    def status(self) -> list[dict[str, Any]]:
        """One entry an engine, for the page and the API."""
        return [pool.status() for pool in self._pools]

    def unavailable(self) -> str:
        """Why no analysis can run now; empty when one can."""
        if not self._pools:
            return self._why or NoEngine().message
        problems = [f"{pool.engine.settings.address}: {pool.problem}" for pool in self._pools if pool.problem]
        return "; ".join(problems) if len(problems) == len(self._pools) else ""

    @property
    def asked(self) -> bool:
        """Whether the engines were asked at all; before that, `unavailable` knows nothing and `analyse` asks."""
        return self._asked

    async def analyse(self, job: Job, artifact: Artifact, tell: Tell = lambda _: None) -> Report:
        """The report of `job`, with findings; `tell` gets its container's id, then each phase and event as it
        happens.

        A package that fails, hangs or attacks is no error but a report. Raises NoEngine or NoImage when no analysis can
        run here now, SandboxLost when the engine went away twice, EngineError when no slot was free in time.
        """
        known = await self._baseline(job.ecosystem)
        report = await self._run(job, artifact, tell)
        return replace(report, findings=tuple(await asyncio.to_thread(observed.findings, report, known)))

    # -- one run

    async def _run(self, job: Job, artifact: Artifact, tell: Tell) -> Report:
        now, again = asyncio.get_running_loop().time, True
        while True:
            pool, sandbox = await self._slot(now() + job.total_s)
            deadline = now() + job.total_s  # waiting for a slot is no part of the run
            folding = Folding(artifact, _environment(pool, sandbox, job), time.time())
            try:
                return await self._in(sandbox, job, folding, tell, deadline)
            except (SandboxLost, NoEngine) as error:
                if folding.told and await self._well(pool):  # the package ended its own sandbox
                    folding.lost(error.message)
                    return folding.report()
                if not again:
                    raise SandboxLost(error.message) from error
                again = False
                log.warning("sandbox lost, once more", engine=pool.engine.settings.address, why=error.message)
            finally:
                await asyncio.shield(self._release(pool, sandbox))

    async def _well(self, pool: Pool) -> bool:
        """Whether the engine stays well: one that is being stopped ends its containers before it goes."""
        for _ in range(FAREWELLS):
            await pool.check()
            if pool.problem:
                return False
            await asyncio.sleep(FAREWELL_S)
        return True

    async def _in(self, sandbox: Sandbox, job: Job, folding: Folding, tell: Tell, deadline: float) -> Report:
        index = self._registries.index(job.ecosystem) if self._registries and job.index is None else job.index or ""
        relay = self._registries.relay() if self._registries and index else None
        tell({"type": "container", "id": sandbox.id})
        try:
            async with (
                asyncio.timeout_at(deadline + LAST_WORDS_S),
                contextlib.aclosing(sandbox.run(replace(job, index=index), relay)) as frames,
            ):
                async for header, body in frames:
                    folding.add(header, body)
                    if header["type"] in ("event", "phase"):
                        tell(header)
                    elif body:
                        await asyncio.sleep(0)  # what has come already is read without a pause
        except TimeoutError:
            folding.lost(f"the whole run had {job.total_s:g} s")
        return folding.report()

    async def _slot(self, deadline: float) -> tuple[Pool, Sandbox]:
        """A sandbox on the engine with most room; waits until one is free. Raises EngineError where none is before the
        deadline, or engines that say they are well fail to start any."""
        failures = 0
        while True:
            if self.unavailable():
                await self._make_available(deadline)
            pool = max(self._pools, key=lambda one: one.free)
            if pool.free:
                try:
                    return pool, await pool.take()
                except EngineError as error:
                    pool.problem = error.message
                    failures += 1
                    if failures >= FAILURES:
                        raise
                    continue
            try:
                async with asyncio.timeout_at(deadline), self._freed:
                    await self._freed.wait()
            except TimeoutError:
                raise EngineError("no sandbox was free before the deadline of the run") from None

    async def _make_available(self, deadline: float) -> None:
        """Ask the engines again, and build an image where only that is missing. Raises what is in the way."""
        await self._check(wait=True)
        missing = [one for one in self._pools if one.engine.health.version and not one.engine.health.image]
        if self.unavailable() and missing and self._auto_build:
            async with asyncio.timeout_at(deadline):
                await self._build(missing[0])
        if self.unavailable():
            raise (NoImage if missing else NoEngine)(self.unavailable())

    async def _release(self, pool: Pool, sandbox: Sandbox) -> None:
        try:
            await pool.give_back(sandbox)
        finally:
            await self._notify()

    async def _notify(self) -> None:
        async with self._freed:
            self._freed.notify_all()

    # -- engines and baseline

    async def _check(self, *, wait: bool = False) -> None:
        if self._checking.locked() and not wait:
            return
        async with self._checking:
            await self._discover()
            for pool in self._pools:
                before = pool.problem
                await pool.check()
                if pool.problem != before:
                    log.info("engine", address=pool.engine.settings.address, problem=pool.problem or "none")
                    if pool.engine.settings.mode == "open":
                        log.warning("packages can reach the world and this host", setting="sandbox.network")
                await self._first_time(pool)
            self._asked = True
            await self._notify()

    async def _discover(self) -> None:
        if self._pools or self._find is None:
            return
        try:
            self._pools.append(Pool(await self._find(), self._warm))
        except EngineError as error:
            if error.message != self._why:
                log.info("dynamic analysis is unavailable", why=error.message)
            self._why = error.message

    async def _first_time(self, pool: Pool) -> None:
        """What an engine gets when it first answers: a sweep."""
        address, health = pool.engine.settings.address, pool.engine.health
        if not health.version:
            return
        if address not in self._swept:
            with contextlib.suppress(EngineError):
                removed = await pool.engine.sweep()
                self._swept.add(address)
                if removed:
                    log.info("swept sandboxes of an earlier life", count=removed, engine=address)

    async def _build(self, pool: Pool) -> None:
        try:
            await pool.build()
        except EngineError as error:
            log.error("the sandbox image was not built", why=error.message)
            raise
        finally:
            await self._notify()

    async def _build_quietly(self, pool: Pool) -> None:
        with contextlib.suppress(EngineError):
            await self._build(pool)

    async def _baseline(self, ecosystem: str) -> frozenset[str]:
        """What analysing a package that does nothing does, run once an ecosystem and image."""
        archive = self._blank.get(ecosystem)
        if archive is None:
            return frozenset()
        known = self._baselines.get(ecosystem)
        if known is None:
            known = self._baselines[ecosystem] = asyncio.get_running_loop().create_future()
            try:
                job = Job(ecosystem, archive=archive(), index="", total_s=BASELINE_DEADLINE_S)
                blank = await self._run(job, Artifact(ecosystem, "blank"), lambda _: None)
                known.set_result(observed.baseline(blank))
            except BaseException as error:
                del self._baselines[ecosystem]
                known.set_exception(error if isinstance(error, EngineError) else EngineError("the baseline run ended"))
                known.exception()  # looked at: nobody need be waiting
                raise
        return await asyncio.shield(known)

    def _begin(self, work: Any, name: str) -> None:
        _ = self.spawn(work, name=name)


def _environment(pool: Pool, sandbox: Sandbox, job: Job) -> Environment:
    health, bounds = pool.engine.health, pool.engine.settings.bounds
    limits = {
        "memory_bytes": bounds.memory, "processes": bounds.pids, "cpus": bounds.cpus, "total_s": job.total_s,
        "phases_s": dict(job.limits),
    }  # fmt: skip
    return Environment(
        f"{health.name} {health.version}", pool.engine.settings.runtime, health.image,
        str(sandbox.about.get("strace", "")), str(sandbox.about.get("network", "")), limits,
    )  # fmt: skip
