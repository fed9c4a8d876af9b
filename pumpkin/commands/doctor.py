"""`pumpkin doctor`: what this installation stands on, looked at part by part, and what to do where it does not hold."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import platform
import shutil
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import aiohttp
import click

from pumpkin import settings as configuration
from pumpkin.adapters import engine
from pumpkin.adapters.clock import is_synchronised
from pumpkin.adapters.embedded import binaries
from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from pumpkin.adapters.folder import DataFolder
from pumpkin.building import fitness
from pumpkin.commands.place import answer, config_option, data_option, json_option
from pumpkin.errors import PumpkinError, StartError
from pumpkin.settings import Settings
from pumpkin.store import agents, authorities, overview
from pumpkin.store.database import Database, migrate

MIB = 1 << 20
CLOCK_S = 5.0
"""How far this clock may be from an authority's before it is a trouble."""
BEHIND_S = 300
"""How long the newest stamp may be behind the log's head before it is a trouble."""
State = Literal["ok", "warning", "trouble"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One part: what was seen of it, and what to do where it is not well."""

    part: str
    state: State
    text: str


@click.command()
@data_option
@config_option
@json_option
def doctor(data: Path | None, config: Path | None, as_json: bool) -> None:
    """Look at what Pumpkin stands on: settings, folder, disk, clock, ports, database, log, sandbox engine.

    Changes nothing; may run beside the server. Ends with 1 where something is in trouble, with 0 else.
    """
    found = [_python()]
    try:
        settings = configuration.load(data, config)
    except StartError as error:
        found += [Finding("settings", "trouble", line) for line in error.message.splitlines()]
    else:
        found += _settings(settings, configuration.file_of(settings.data, config))
        found += [*_folder(settings), _clock(), *asyncio.run(_services(settings))]
    marks = {"ok": "ok     ", "warning": "WARNING", "trouble": "TROUBLE"}
    answer([asdict(one) for one in found], as_json, "\n".join(f"{marks[o.state]}  {o.part}: {o.text}" for o in found))
    sys.exit(1 if any(one.state == "trouble" for one in found) else 0)


def _python() -> Finding:
    quick = importlib.util.find_spec("uvloop") is not None
    more = "" if quick else ", without uvloop (the extra `speed`): a sixth more CPU a request"
    return Finding("python", "ok", f"{platform.python_version()}{more}")


def _settings(settings: Settings, file: Path) -> Iterator[Finding]:
    faults = fitness.faults(settings)
    for one in faults:
        yield Finding("settings", "trouble" if one.stops else "warning", one.text)
    if not faults:
        yield Finding("settings", "ok", "they hold")
    for text in fitness.permissions(settings, file):
        yield Finding("permissions", "warning", text)


def _folder(settings: Settings) -> Iterator[Finding]:
    data = there = settings.data
    while not there.exists():
        there = there.parent
    if not os.access(there, os.W_OK | os.X_OK):
        yield Finding("data folder", "trouble", f"{there} cannot be written by this user; give --data another folder")
        return
    yield Finding("data folder", "ok", str(data) if data.exists() else f"{data} will be made at the first start")
    free, room = shutil.disk_usage(there).free, settings.upkeep
    words = f"{free / 2**30:.2f} GiB free at {there}"
    if free < room.reserve * MIB:
        yield Finding("disk", "trouble", f"{words}, less than upkeep.reserve: no check is taken; make room")
    elif free < room.warn * MIB:
        yield Finding("disk", "warning", f"{words}, less than upkeep.warn; make room, or set upkeep.retention")
    else:
        yield Finding("disk", "ok", words)
    for path in sorted([*data.glob("*.secret.*"), *data.glob("*/*.key")]):
        if path.stat().st_mode & 0o077:
            yield Finding("keys", "trouble", f"others may read {path}; run: chmod 600 {path}")
        if not os.access(path, os.R_OK):
            yield Finding("keys", "trouble", f"{path} cannot be read by this user; run as its owner ({path.owner()})")
    for fault in DataFolder(data).faults():
        yield Finding("key files", "trouble", fault)


def _clock() -> Finding:
    if is_synchronised():
        return Finding("clock", "ok", "synchronised, says the kernel")
    return Finding("clock", "warning", "not synchronised, says the kernel; run an NTP client: stamps carry this time")


async def _services(settings: Settings) -> list[Finding]:
    server = await _server(settings)
    database = [one async for one in _database(settings)]
    return [server, *_ports(settings, server), *database, await _engine(settings)]


async def _server(settings: Settings) -> Finding:
    try:
        url = json.loads((settings.data / "ready.json").read_text("utf-8"))["url"]
    except FileNotFoundError:
        return Finding("server", "warning", "does not run on this folder")
    except (OSError, ValueError, KeyError) as error:
        return Finding("server", "trouble", f"ready.json cannot be read: {error}"[:200])
    try:
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(timeout=timeout) as web, web.get(f"{url}/ready", ssl=False) as heard:
            told = await heard.json()
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        return Finding("server", "trouble", f"is said to run, but {url} does not answer: {error}"[:200])
    missing = ", ".join(told.get("missing", []))
    if missing:
        return Finding("server", "trouble", f"runs at {url}, and these parts are not there: {missing}")
    return Finding("server", "ok", f"runs at {url}")


def _ports(settings: Settings, server: Finding) -> Iterator[Finding]:
    if server.state == "ok":
        return
    xmpp = settings.xmpp
    wanted = [("listen", settings.host, settings.port)]
    if xmpp.server == "embedded" and xmpp.port:
        wanted += [("xmpp.port", xmpp.listen, xmpp.port), ("xmpp.port (TLS)", xmpp.listen, xmpp.port + 1)]
    for name, host, port in wanted:
        try:
            with closing(socket.create_server((host, port))):
                yield Finding(name, "ok", f"{host} port {port} is free")
        except OSError as error:
            yield Finding(
                name, "trouble", f"{host} port {port}: {os.strerror(error.errno or 0)}; set another or end what has it"
            )


async def _database(settings: Settings) -> AsyncIterator[Finding]:
    dsn: str | None = settings.database
    if not dsn:
        try:
            major, home = binaries.choose(None)
            yield Finding("postgresql", "ok", f"version {major} at hand in {home}")
        except StartError as error:
            yield Finding("postgresql", "trouble", error.message)
            return
        dsn = EmbeddedPostgres(settings.data).running_dsn() if settings.data.exists() else None
    if not dsn:
        yield Finding("database", "ok", "rests with the server")
        return
    try:
        pending = await migrate(dsn, dry_run=True)
        if pending:
            yield Finding(
                "schema", "warning", f"{len(pending)} migrations to come at the next start: {', '.join(pending)}"
            )
            return
        db = await Database.open(dsn)
    except PumpkinError as error:
        yield Finding("database", "trouble", error.message)
        return
    try:
        yield _log(await overview.heads(db))
        for name, (status, _) in (await authorities.states(db)).items():
            yield _authority(name, status)
        if short := fitness.quorum_fault(settings, len(await authorities.entries(db))):
            yield Finding("authorities", "trouble", short)
        for finding in _newer(await agents.newer(db)):
            yield finding
    except PumpkinError as error:
        yield Finding("log", "trouble", error.message)
    finally:
        await db.close()


def _newer(found: Mapping[str, int]) -> Iterator[Finding]:
    """Keys that agents newer than the server add to their checks."""
    if found:
        keys = ", ".join(f"{key} ({count} agent{'s' * (count > 1)})" for key, count in found.items())
        text = f"newer than this server, which keeps but does not read what they add to their checks: {keys}"
        yield Finding("agents", "warning", f"{text[:600]}; upgrade the server")


def _authority(name: str, status: Mapping[str, Any]) -> Finding:
    """How an authority was doing when that last changed, of the status its stamper keeps."""
    part = f"authority {name}"
    offset = status.get("offset_s") or 0.0
    if not status.get("last_error") and abs(offset) > CLOCK_S:
        ours = "behind" if offset > 0 else "ahead"
        return Finding(part, "trouble", f"this machine's clock is {abs(offset):.0f} s {ours} of its; run an NTP client")
    if not status.get("last_error"):
        return Finding(part, "ok", "its last answer was good")
    text = f"{status['last_error']}: {status.get('detail') or 'no more is known'}"[:300]
    return Finding(part, "trouble", f"{text}; nothing is lost, one token catches all up; see `pumpkin tsa status`")


def _log(heads: overview.Heads) -> Finding:
    newest = max((stamp["size"] for stamp in heads.stamps), default=0)
    words = f"{heads.stored:,} checks stored, {heads.sealed:,} sealed, {newest:,} stamped"
    late = heads.sealed_at is not None and time.time() - heads.sealed_at / 1e6 > BEHIND_S
    if heads.sealed < heads.stored and late:
        return Finding("log", "trouble", f"{words}; the sealer does not follow")
    if newest < heads.sealed and late:
        return Finding("log", "trouble", f"{words}; no authority answers: see `pumpkin tsa status`")
    return Finding("log", "ok", words)


async def _engine(settings: Settings) -> Finding:
    if not settings.sandbox.enabled:
        return Finding("sandbox", "ok", "switched off by the setting sandbox.enabled")
    try:
        found = await engine.find()
    except PumpkinError as error:
        return Finding("sandbox", "warning", f"packages are scanned but not run: {error.message}")
    try:
        return Finding("sandbox", "ok", f"an engine answers at {found.settings.address}")
    finally:
        await found.close()
