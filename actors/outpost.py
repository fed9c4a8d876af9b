"""Probes of a process of their own (`pumpkin probe`): each with account, spool and jobs, all on one TLS context."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

import structlog

from actors.errands import Errands
from actors.probe import Work, at_work
from pumpkin.adapters import commands, omemo, stanzas
from pumpkin.adapters.account import Account, account_of, https_of, read_config, session_for
from pumpkin.adapters.channel import Channel
from pumpkin.adapters.desk import services
from pumpkin.adapters.https import ADDRESS, HttpsPlace, HttpsWay, told
from pumpkin.adapters.releases import Releases
from pumpkin.adapters.stanzas import name
from pumpkin.adapters.uplink import Uplink
from pumpkin.adapters.watching import LogWatch
from pumpkin.adapters.xmpp import XmppSession
from pumpkin.errors import PumpkinError, StartError
from pumpkin.model.agents import bare
from pumpkin.model.jobs import ProbeConfig
from pumpkin.probes.measure import Source
from pumpkin.probes.spool import Counts

log = structlog.get_logger("pumpkin.probe")

LAST_DELIVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Summary:
    """What a probe did while it ran: who it was, what went up by which way, and what stayed."""

    jid: str
    delivered: int
    by: dict[str, int]
    spool: Counts
    trouble: str | None

    def as_text(self) -> str:
        """One line for people."""
        spool = self.spool
        ways = ", ".join(f"{count} by {way.upper()}" for way, count in self.by.items() if count)
        said = [f"{self.jid}: {self.delivered} delivered" + (f" ({ways})" if ways else "")]
        if spool.waiting:
            said.append(f"{spool.waiting} still wait on disk ({spool.size_bytes:,} bytes)")
        if spool.refused:
            said.append(f"{spool.refused} refused for ever")
        if spool.dropped_successes or spool.dropped_failures:
            said.append(f"{spool.dropped_successes + spool.dropped_failures} dropped for want of room")
        if self.trouble:
            said.append(self.trouble.rstrip("."))
        return "; ".join(said) + "."

    def as_json(self) -> str:
        """One line for programs."""
        dropped = self.spool.dropped_successes + self.spool.dropped_failures
        return json.dumps(
            {
                "jid": self.jid,
                "delivered": self.delivered,
                "by": self.by,
                "waiting": self.spool.waiting,
                "refused": self.spool.refused,
                "dropped": dropped,
                "trouble": self.trouble,
            }
        )


async def run_probes(
    files: Sequence[Path], *, data: Path, stop: asyncio.Event, releases: Releases | None = None
) -> list[Summary]:
    """Run the probe of each file until `stop` is set or all its jobs are done and delivered; their summaries in order.
    One that was told to update sets `stop`, and `releases` has what is to be started then.

    StartError when one cannot start; the others are ended then.
    """
    configs = [await asyncio.to_thread(read_config, file) for file in files]
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(run_probe(config, data=data, stop=stop, label=file.stem, releases=releases))
            for config, file in zip(configs, files, strict=True)
        ]
    return [task.result() for task in tasks]


async def run_probe(
    config: ProbeConfig | Path,
    *,
    data: Path,
    stop: asyncio.Event,
    label: str = "probe",
    releases: Releases | None = None,
) -> Summary:
    """Run the probe in `config` (or in that file) until `stop` is set or all its jobs are done and delivered.

    State lies in `data/probes/<jid>`. What cannot be delivered within a minute after the last job stays on disk for the
    next start. StartError when the configuration names no account, nor a token to get one with.
    """
    if isinstance(config, Path):
        label, config = config.stem, await asyncio.to_thread(read_config, config)
    account = account_of(config, data, label)
    session = session_for(config, data, account)
    uplink = Uplink(session, account.jid, config.up_agent)
    uplink.encrypted = config.omemo
    if config.omemo and not omemo.available():
        raise StartError("The probe is to encrypt (omemo), but the extra is not installed: pip install pumpkin[omemo].")
    session.features |= {stanzas.COMMANDS, *(f"urn:pumpkin:duty:{duty}" for duty in config.duties)}
    session.features |= {f"urn:pumpkin:behaviour:{job.behaviour}" for job in config.jobs}
    source = Source(account.jid, after=lambda: uplink.checkpoint)
    way = HttpsWay(account.jid, account.password, https_of(config))
    channel = Channel(session, uplink, way)
    try:
        async with at_work(
            config, account.folder, source, channel.deliver, lambda said: uplink.tell("behaviours", said)
        ) as work:
            return await _serve(config, account, session, uplink, channel, way, work, stop, releases)
    finally:
        await way.close()


async def _serve(
    config: ProbeConfig,
    account: Account,
    session: XmppSession,
    uplink: Uplink,
    channel: Channel,
    way: HttpsWay,
    work: Work,
    stop: asyncio.Event,
    releases: Releases | None,
) -> Summary:
    await _recall(way, work)
    uplink.checkpoint = await work.spool.recall("checkpoint")
    commands.Desk(session, services(work.bench), uplink.trusts)
    service = Errands(config, account.jid, session, uplink, way, work, releases=releases, restart=stop.set)
    await service.begin()
    errands: set[asyncio.Task[None]] = set()

    def seen() -> None:
        work.courier.nudge()
        service.nudge()
        if config.omemo and uplink.cipher is None:
            opening = asyncio.get_running_loop().create_task(_encipher(session, account.jid, uplink, work))
            errands.add(opening)
            opening.add_done_callback(errands.discard)
        if config.https is None:
            task = asyncio.get_running_loop().create_task(_learn(session, uplink, way, work))
            errands.add(task)
            task.add_done_callback(errands.discard)

    async def ready() -> None:
        account.enrolled()
        channel.connected()
        uplink.greet()
        await service.ready()
        uplink.tell("behaviours", await work.state())

    uplink.nudge = seen
    session.on_ready = ready
    session.start()
    errands.add(asyncio.create_task(LogWatch(session, bare(account.jid), lambda: uplink.full, work.spool).run()))
    errands.add(asyncio.create_task(service.run()))
    try:
        await _until(stop, work)
    finally:
        await work.courier.end()
        for task in tuple(errands):
            task.cancel()
        counts = await work.spool.counts()
        if uplink.checkpoint:
            await work.spool.remember("checkpoint", uplink.checkpoint)
        await session.stop()
    return Summary(account.jid, work.courier.delivered, channel.counts, counts, work.courier.trouble)


async def _encipher(session: XmppSession, account: str, uplink: Uplink, work: Work) -> None:
    """Have the aggregator show its OMEMO device, and open ours; checks wait for that."""
    try:
        await uplink.ask(Element(name("omemo", omemo.OFFER)), timeout_s=60.0)
        memory = omemo.Memory(
            lambda key: work.spool.recall(f"omemo:{key}"), lambda key, value: work.spool.remember(f"omemo:{key}", value)
        )
        uplink.cipher = await omemo.Cipher.open(session, account, memory)
        log.info("checks go encrypted", fingerprint=await uplink.cipher.fingerprint())
        work.courier.nudge()
    except PumpkinError as error:
        log.warning("no omemo", reason=error.message)


async def _recall(way: HttpsWay, work: Work) -> None:
    """The HTTPS address the aggregator told in an earlier life."""
    kept = await work.spool.recall("https") if way.place is None else None
    if kept:
        with contextlib.suppress(StartError, ValueError, TypeError):
            way.use(HttpsPlace(**json.loads(kept)))


async def _learn(session: XmppSession, uplink: Uplink, way: HttpsWay, work: Work) -> None:
    """Ask the aggregator where it takes checks by HTTPS: a probe needs no address but its own server's."""
    try:
        answer = await uplink.ask(Element(name("address", ADDRESS)))
        place = told(answer, session.peer)
        if place is not None and place != way.place:
            way.use(place)
            await work.spool.remember("https", json.dumps(place.as_json()))
            log.info("https is known for when xmpp is away", url=place.url)
    except PumpkinError as error:
        log.debug("no https address", reason=error.message)


async def _until(stop: asyncio.Event, work: Work) -> None:
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


async def _emptied(work: Work) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LAST_DELIVERY_S):
            await work.spool.emptied()
