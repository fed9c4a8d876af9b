"""Runs tools by their behaviour and delivers checks: what every probe of ours is made of, and the one in process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import structlog

from actors.base import LoopActor
from pumpkin.adapters.signer import Signer
from pumpkin.errors import PumpkinError
from pumpkin.model import wire
from pumpkin.model.agents import bare
from pumpkin.model.checks import Observation, Receipt
from pumpkin.model.jobs import Job, ProbeConfig
from pumpkin.probes.bench import Bench
from pumpkin.probes.courier import Courier, Deliver
from pumpkin.probes.measure import Source
from pumpkin.probes.spool import Spool

log = structlog.get_logger("pumpkin.probe")

VERSION = "0.1.0"
REPORT_EVERY_S = 3_600.0
REPORT_GAP_S = 1.0

Report = Callable[[dict[str, Any]], Any]


class Work:
    """Bench, spool and courier of one probe, tied together."""

    def __init__(self, config: ProbeConfig, spool: Spool, source: Source, deliver: Deliver, report: Report) -> None:
        self.config, self.spool, self._report = config, spool, report
        self.bench = Bench(config, source, spool.append, self.touch)
        self.courier = Courier(spool, deliver)
        self._changed = asyncio.Event()
        self.offer: dict[str, Any] | None = None  # the key it signs with
        self.sign: Callable[[Observation], Observation] = lambda seen: seen
        self.orders: Callable[[], dict[str, Any]] | None = None

    def touch(self) -> None:
        """Something of what is reported changed."""
        self._changed.set()

    async def state(self) -> dict[str, Any]:
        """The behaviours report of rulings.md 41."""
        counts = await self.spool.counts()
        return {
            "version": VERSION,
            "duties": self.config.duties,
            "tags": self.config.tags,
            "site": self.config.site,
            "signing_key": self.offer,
            **({"orders": self.orders()} if self.orders else {}),
            "behaviours": self.bench.behaviours(),
            "spool": {
                "waiting": counts.waiting,
                "bytes": counts.size_bytes,
                "dropped_successes": counts.dropped_successes,
                "dropped_failures": counts.dropped_failures,
                "refused": counts.refused,
                "trouble": self.courier.trouble,
            },
        }

    async def keep_reporting(self) -> None:
        """At each change, at most once a second, and hourly."""
        while True:
            try:
                async with asyncio.timeout(REPORT_EVERY_S):
                    await self._changed.wait()
            except TimeoutError:
                pass
            await asyncio.sleep(REPORT_GAP_S)
            self._changed.clear()
            try:
                self._report(await self.state())
            except PumpkinError as error:
                log.warning("not reported", reason=error.message)


@asynccontextmanager
async def at_work(
    config: ProbeConfig, folder: Path, source: Source, deliver: Deliver, report: Report
) -> AsyncIterator[Work]:
    """Spool open, courier and reports under way; on leaving they end and the spool keeps what waits."""
    spool = await Spool.open(folder / "spool.sqlite", limit_bytes=config.spool_limit)
    try:
        uuid = str(config.uuid or await spool.recall("uuid") or uuid4())
        await spool.remember("uuid", uuid)
        source = replace(source, agent=bare(source.agent))
        signer = await Signer.open(source.agent, spool)
        work = Work(config, spool, replace(source, uuid=uuid, site=config.site, sign=signer.sign), deliver, report)
        work.offer, work.sign = signer.offer, signer.sign
        tasks = [asyncio.create_task(work.courier.run()), asyncio.create_task(work.keep_reporting())]
        try:
            yield work
        finally:
            await work.courier.end()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            for task in tasks:
                if not task.cancelled() and task.exception() is not None:
                    log.error("part of the probe failed", exc_info=task.exception())
    finally:
        await spool.close()


class Probe(LoopActor):
    """A probe in this process: `receive` is the aggregator's, `report` takes its behaviours report.

    Messages: `RunNow`, `Pause`, `SetPeriod`; an ask of `"behaviours"` answers the report.
    """

    def __init__(
        self,
        config: ProbeConfig,
        *,
        folder: Path,
        agent: str,
        receive: Callable[[Observation], Awaitable[Receipt]],
        report: Report = lambda document: None,
    ) -> None:
        super().__init__()
        self._config, self._folder, self._agent = config, folder, bare(agent)
        self._receive, self._report = receive, report
        self._work_now: Work | None = None

    async def on_start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = self.spawn(self._run(opened), f"probe {self._agent}")
        await asyncio.wait([opened, task], return_when=asyncio.FIRST_COMPLETED)
        if not opened.done():
            await task

    async def on_receive(self, message: Any) -> Any:
        work = self._work_now
        if work is None:
            self.undelivered(message, "the probe is not at work")
            return None
        match message:
            case "behaviours":
                return await work.state()
            case RunNow(name):
                return self.spawn(_quiet(work.bench.run_now(name)))
            case Confirm(kind, target):
                return asyncio.get_running_loop().create_task(_confirmed(work, kind, target))
            case Pause(name, paused):
                work.bench.pause(name, paused)
            case SetPeriod(name, period_s):
                work.bench.set_period(name, period_s)
            case _:
                self.undelivered(message, "not understood")
        return None

    async def _run(self, opened: asyncio.Future[None]) -> None:
        try:
            async with at_work(self._config, self._folder, Source(self._agent), self._deliver, self._report) as work:
                self._work_now = work
                opened.set_result(None)
                await work.bench.run()
                await asyncio.Event().wait()  # jobs done; the courier still carries, and a job may be run by hand
        finally:
            self._work_now = None

    async def _deliver(self, body: dict[str, Any]) -> None:
        await self._receive(wire.from_native(body, agent=self._agent))


@dataclass(frozen=True, slots=True)
class RunNow:
    """Run the job of that name at once."""

    name: str


@dataclass(frozen=True, slots=True)
class Confirm:
    """Look anew at what another agent saw; the answer is a task of `{"check", "status", "job"}`, NotFound when this
    probe does not look at that target by itself."""

    kind: str
    target: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Hold a job back, or let it go on."""

    name: str
    paused: bool = True


@dataclass(frozen=True, slots=True)
class SetPeriod:
    """Another period for a job."""

    name: str
    period_s: float


async def _confirmed(work: Work, kind: str, target: str) -> dict[str, str]:
    seen = await work.bench.confirm(kind, target)
    return {"check": str(seen.id), "status": str(seen.detail.get("status", "")), "job": seen.detail["labels"]["job"]}


async def _quiet(work: Awaitable[Any]) -> None:
    with contextlib.suppress(Exception):
        await work


def demo_config() -> ProbeConfig:
    """The demonstration probe of `pumpkin run`: a real tool that exists everywhere, looking at this machine."""
    job = Job(
        name="disk",
        type="disk-usage",
        format="text",
        target="/",
        command=["df", "-P", "-k", "{target}"],
        result_parser="regex",
        parser_options={
            "pattern": r"^(?P<device>\S+)\s+(?P<size_kib>\d+)\s+(?P<used_kib>\d+)\s+(?P<free_kib>\d+)"
            r"\s+(?P<used_percent>\d+)%"
        },
        behaviour="periodic",
        period=30,
        timeout=10,
    )
    return ProbeConfig(jobs=[job], duties=["probe", "demonstration"])
