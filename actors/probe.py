"""Runs tools by their behaviour and delivers checks: as an actor in process, or as the body of `pumpkin probe`."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import structlog

from actors.base import LoopActor
from pumpkin.adapters import commands, stanzas
from pumpkin.adapters.account import read_config, session_for
from pumpkin.adapters.desk import services
from pumpkin.adapters.uplink import Uplink
from pumpkin.adapters.signer import Signer
from pumpkin.errors import PumpkinError, StartError
from pumpkin.model import wire
from pumpkin.model.agents import bare
from pumpkin.model.checks import Observation, Receipt
from pumpkin.model.jobs import Job, ProbeConfig
from pumpkin.probes.bench import Bench
from pumpkin.probes.courier import Courier, Deliver
from pumpkin.probes.measure import Source
from pumpkin.probes.spool import Counts, Spool

log = structlog.get_logger("pumpkin.probe")

VERSION = "0.1.0"
REPORT_EVERY_S = 3_600.0
REPORT_GAP_S = 1.0
LAST_DELIVERY_S = 60.0

Report = Callable[[dict[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a probe did while it ran."""

    delivered: int
    spool: Counts
    trouble: str | None


class _Work:
    """Bench, spool and courier of one probe, tied together."""

    def __init__(self, config: ProbeConfig, spool: Spool, source: Source, deliver: Deliver, report: Report) -> None:
        self.config, self.spool, self._report = config, spool, report
        self.bench = Bench(config, source, spool.append, self._touch)
        self.courier = Courier(spool, deliver)
        self._changed = asyncio.Event()
        self.offer: dict[str, Any] | None = None  # the key it signs with

    def _touch(self) -> None:
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
async def _at_work(
    config: ProbeConfig, folder: Path, source: Source, deliver: Deliver, report: Report
) -> AsyncIterator[_Work]:
    """Spool open, courier and reports under way; on leaving they end and the spool keeps what waits."""
    spool = await Spool.open(folder / "spool.sqlite", limit_bytes=config.spool_limit)
    try:
        uuid = str(config.uuid or await spool.recall("uuid") or uuid4())
        await spool.remember("uuid", uuid)
        source = replace(source, agent=bare(source.agent))
        signer = await Signer.open(source.agent, spool)
        work = _Work(config, spool, replace(source, uuid=uuid, site=config.site, sign=signer.sign), deliver, report)
        work.offer = signer.offer
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
        self._work_now: _Work | None = None

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
            case Pause(name, paused):
                work.bench.pause(name, paused)
            case SetPeriod(name, period_s):
                work.bench.set_period(name, period_s)
            case _:
                self.undelivered(message, "not understood")
        return None

    async def _run(self, opened: asyncio.Future[None]) -> None:
        try:
            async with _at_work(self._config, self._folder, Source(self._agent), self._deliver, self._report) as work:
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
class Pause:
    """Hold a job back, or let it go on."""

    name: str
    paused: bool = True


@dataclass(frozen=True, slots=True)
class SetPeriod:
    """Another period for a job."""

    name: str
    period_s: float


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


async def run_probe(config: ProbeConfig | Path, *, data: Path, stop: asyncio.Event) -> Summary:
    """Run the probe in `config` (or in that file) over XMPP until `stop` is set or all its jobs are done and delivered.

    State lies in `data/probes/<jid>`. What cannot be delivered within a minute after the last job stays on disk for the
    next start. StartError when the configuration names no account.
    """
    if isinstance(config, Path):
        config = await asyncio.to_thread(read_config, config)
    if config.jid is None:
        raise StartError("The probe's configuration has no jid: make one with `pumpkin agent add JID` and put it in.")
    try:
        account = bare(config.jid)
    except ValueError:
        raise StartError("The probe's jid is not NAME@DOMAIN.") from None
    folder = data / "probes" / _folder_name(account)
    session = session_for(config, data)
    uplink = Uplink(session, account, config.up_agent)
    session.features |= {stanzas.COMMANDS, *(f"urn:pumpkin:duty:{duty}" for duty in config.duties)}
    session.features |= {f"urn:pumpkin:behaviour:{job.behaviour}" for job in config.jobs}
    source = Source(account, after=lambda: uplink.checkpoint)
    async with _at_work(config, folder, source, uplink.deliver, lambda said: uplink.tell("behaviours", said)) as work:
        uplink.nudge = work.courier.nudge
        uplink.checkpoint = await work.spool.recall("checkpoint")
        commands.Desk(session, services(work.bench), uplink.trusts)

        async def ready() -> None:
            uplink.greet()
            uplink.tell("behaviours", await work.state())

        session.on_ready = ready
        session.start()
        try:
            await _until(stop, work)
        finally:
            await work.courier.end()
            counts = await work.spool.counts()
            if uplink.checkpoint:
                await work.spool.remember("checkpoint", uplink.checkpoint)
            await session.stop()
        return Summary(work.courier.delivered, counts, work.courier.trouble)


async def _until(stop: asyncio.Event, work: _Work) -> None:
    """Until told to stop, or the jobs are done and what they found is delivered."""
    stopped = asyncio.create_task(stop.wait())
    jobs = asyncio.create_task(work.bench.run())
    tasks = [stopped, jobs]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if jobs.done():
            await jobs
            emptied = asyncio.create_task(_emptied(work))
            tasks.append(emptied)
            await asyncio.wait([stopped, emptied], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _emptied(work: _Work) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LAST_DELIVERY_S):
            await work.spool.emptied()


def _folder_name(account: str) -> str:
    """A folder for an account: its JID where that is a plain file name, else its digits in hexadecimal."""
    plain = account.replace("@", "_at_")
    if all(one.isascii() and (one.isalnum() or one in "._-") for one in plain):
        return plain
    return account.encode().hex()[:200]


def as_text(summary: Summary) -> str:
    """The summary as one line of JSON, for the command line."""
    return json.dumps(
        {
            "delivered": summary.delivered,
            "waiting": summary.spool.waiting,
            "refused": summary.spool.refused,
            "dropped": summary.spool.dropped_successes + summary.spool.dropped_failures,
            "trouble": summary.trouble,
        }
    )
