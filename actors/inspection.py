"""`pumpkin probe --check`: a probe's configuration and its ways up, tried one after the other and said in sentences."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from pumpkin.adapters.account import Account, account_of, https_of, read_config, session_for
from pumpkin.adapters.https import ADDRESS, HttpsWay, told
from pumpkin.adapters.stanzas import StanzaError, name
from pumpkin.adapters.uplink import Uplink
from pumpkin.adapters.xmpp import XmppSession
from pumpkin.errors import PumpkinError, Unavailable
from pumpkin.model.assignments import workable
from pumpkin.model.jobs import ProbeConfig

CONNECT_S = 15.0
LOOK_S = 0.05
TRIES = 2
SEEN_S = 5.0
JOBS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried; `ok` False is a fault, `grave` False only a remark."""

    ok: bool
    text: str
    grave: bool = True


async def inspect(file: Path, data: Path) -> AsyncGenerator[Finding, None]:
    """Findings as they come: the file, its jobs' tools, its state on disk, XMPP, the aggregator, HTTPS."""
    try:
        config = await asyncio.to_thread(read_config, file)
        account = account_of(config, data, file.stem)
    except PumpkinError as error:
        yield Finding(False, error.message)
        return
    yield Finding(True, f"{file} is read: {len(config.jobs)} job(s) for {account.jid}.")
    for finding in (*_jobs(config), *_tools(config)):
        yield finding
    yield _disk(account.folder)
    session = session_for(config, data, account)
    way = HttpsWay(account.jid, account.password, https_of(config))
    try:
        async for finding in _xmpp(config, account, session, way):
            yield finding
        if way.place is None:
            yield Finding(False, "No HTTPS address is known for when XMPP is away.", grave=False)
        else:
            yield await _https(way)
    finally:
        await session.stop()
        await way.close()


def _jobs(config: ProbeConfig) -> list[Finding]:
    """The jobs that would fail at every run."""
    wrong = []
    for job in config.jobs:
        try:
            workable(job)
        except ValueError as error:
            wrong.append(Finding(False, f"The job {job.name[:100]!r} cannot work: {error}."))
    return wrong[:JOBS_SHOWN]


def _tools(config: ProbeConfig) -> list[Finding]:
    missing = sorted({job.argv[0] for job in config.jobs if shutil.which(job.argv[0]) is None})
    if missing:
        return [Finding(False, f"No program {one!r} is found here; its checks would say so.") for one in missing]
    return [Finding(True, "The programs of all jobs are found.")]


def _disk(folder: Path) -> Finding:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Finding(False, f"Its state cannot be kept in {folder}: {error.strerror}.")
    if not os.access(folder, os.W_OK | os.X_OK):
        return Finding(False, f"Its state cannot be kept in {folder}: it may not be written.")
    return Finding(True, f"Undelivered checks are kept in {folder} ({free // 2**20:,} MiB free).")


async def _xmpp(config: ProbeConfig, account: Account, session: XmppSession, way: HttpsWay) -> AsyncIterator[Finding]:
    uplink = Uplink(session, account.jid, config.up_agent)
    appeared = asyncio.Event()
    uplink.nudge = appeared.set
    session.on_ready = uplink.greet
    session.start()
    try:
        await _connected(session)
    except Unavailable as error:
        yield Finding(False, f"XMPP: {error.message}")
        return
    account.enrolled()
    yield Finding(True, f"XMPP: connected as {session.jid} at {session.peer}, certificate verified.")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SEEN_S):
            await appeared.wait()
    if not uplink.seen:
        yield Finding(
            False,
            f"{uplink.up_agent} does not show itself: it is not running, or {account.jid} is not approved yet "
            f"(`pumpkin agent approve {account.jid}`, or the agents page).",
        )
        return
    try:
        answer = await uplink.ask(Element(name("address", ADDRESS)))
    except StanzaError as error:
        if error.condition == "forbidden":
            yield Finding(False, f"{account.jid} is not approved (`pumpkin agent approve {account.jid}`).")
        else:
            yield Finding(True, f"{uplink.up_agent} is there, and is not a Pumpkin: checks go as SPADE messages.")
        return
    except PumpkinError as error:
        yield Finding(False, f"{uplink.up_agent}: {error.message}")
        return
    yield Finding(True, f"{uplink.up_agent} is there and takes checks of {account.jid}.")
    place = told(answer, session.peer)
    if place is not None and way.place is None:
        with contextlib.suppress(PumpkinError):
            way.use(place)


async def _connected(session: XmppSession) -> None:
    """Until there is a session; Unavailable as soon as it is clear that there will be none: refused, or tried twice."""
    end = asyncio.get_running_loop().time() + CONNECT_S
    while not session.connected:
        late = asyncio.get_running_loop().time() > end
        if late or session.refused or session.failures >= TRIES:
            raise Unavailable(f"No XMPP session for {session.bare}: {session.trouble}.")
        await asyncio.sleep(LOOK_S)


async def _https(way: HttpsWay) -> Finding:
    url = way.place.url if way.place is not None else ""
    try:
        return Finding(True, f"HTTPS: {url} {await way.probe()}.")
    except PumpkinError as error:
        return Finding(False, f"HTTPS: {url}: {error.message}", grave=False)
