"""The ad hoc modules: each with its exporter, and the clerk that keeps what they want and no log has."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import structlog

from actors.clerk import Clerk
from actors.exporter import Exporter, Pace
from actors.supervision import Child, Restart, System
from pumpkin.adapters import modules as adapters
from pumpkin.adapters.modules import DeliveryError, Module, Place
from pumpkin.bus import Bus
from pumpkin.errors import NotFound, StartError
from pumpkin.feed import Feed, Prove
from pumpkin.model import deliveries as model
from pumpkin.model.deliveries import Filter
from pumpkin.sections import ModuleSettings
from pumpkin.settings import Settings
from pumpkin.store.database import Database
from pumpkin.web.modules import Modules as Rooms

log = structlog.get_logger("pumpkin.modules")


@dataclass(frozen=True)
class Modules:
    """The modules that run here; `statuses` is what pages show of each besides its row in the store."""

    settings: Settings
    exporters: dict[str, Child[Exporter]]
    kinds: dict[str, type[Module]]
    broken: dict[str, str]
    """Those whose settings cannot work, with the reason: they stand on their page and deliver nothing."""

    def services(self) -> Rooms:
        """What the web is handed of them."""
        return Rooms(self.statuses, self.trial)

    def statuses(self) -> list[dict[str, Any]]:
        """Each configured module: what it is, whether its actor runs, how much waits (None: not counted yet)."""
        return [self._status(one) for one in self.settings.modules]

    async def trial(self, name: str) -> dict[str, Any]:
        """What came of a test delivery; NotFound for a name there is no module of."""
        return await trial(self.settings, name)

    def _status(self, one: ModuleSettings) -> dict[str, Any]:
        child = self.exporters.get(one.name)
        actor = child.actor if child is not None and child.running else None
        return {
            "name": one.name,
            "kind": one.kind,
            "target": shown_target(self.kinds[one.kind], one.target) if one.kind in self.kinds else "(hidden)",
            "filter": filter_of(one).as_json(),
            "broken": self.broken.get(one.name, ""),
            "after": one.after,
            "enabled": one.enabled,
            "actor": child.state if child is not None else "off",
            "restarts": child.restarts if child is not None else 0,
            "waiting": actor.waiting if actor else None,
            "waiting_more": actor.waiting_more if actor else False,
        }


async def build_modules(
    settings: Settings, system: System, db: Database, bus: Bus, prove: Prove, leading: Callable[[], bool]
) -> Modules:
    """Every enabled module, running; of several nodes the one that is `leading()` delivers. One whose settings cannot
    work is left out and says why on its page: the log keeps what it is to deliver, and the others go on."""
    kinds, broken = dict[str, type[Module]](), dict[str, str]()
    for one in settings.modules:
        try:
            check_one(settings, one)
            kinds[one.kind] = adapters.kinds()[one.kind].load()
        except StartError as error:
            broken[one.name] = error.message
            log.error("module broken", module=one.name, reason=error.message)
    children: dict[str, Child[Exporter]] = {}
    wanted = [one for one in settings.modules if one.enabled and one.name not in broken]

    def wake(name: str) -> None:
        for child in [children[name]] if name in children else children.values() if not name else ():
            if child.running:
                child.actor.wake()

    readers = [one for one in wanted if filter_of(one).events]
    if wanted:
        topics = {topic for one in readers for topic in filter_of(one).events}
        names = [one.name for one in readers]
        await system.start(
            "clerk",
            lambda: Clerk.start(db, bus, topics=topics, readers=names, wake=wake, leading=leading),
            restart=Restart(limit=20),
        )
    for one in wanted:
        children[one.name] = await system.start(
            f"module {one.name}",
            _starter(settings, one, db, bus, prove, leading, kinds[one.kind]),
            restart=Restart(limit=20, then="leave"),
        )
    return Modules(settings, children, kinds, broken)


def _starter(
    settings: Settings,
    one: ModuleSettings,
    db: Database,
    bus: Bus,
    prove: Prove,
    leading: Callable[[], bool],
    kind: type[Module],
) -> Callable[[], Any]:
    feed = Feed(
        db,
        one.name,
        filter_of(one),
        payload_limit=one.payload * 1024,
        wants=kind.wants,
        prove=prove,
        stamped=one.after == "stamped",
    )
    pace = Pace(one.timeout, one.attempts, min(1.0, one.backoff_max), one.backoff_max)
    return lambda: Exporter.start(
        db,
        feed,
        lambda: made(settings, one),
        kind=one.kind,
        leading=leading,
        told=lambda data: bus.publish("module.changed", data),
        pace=pace,
        batch=min(one.batch, kind.batch) if one.batch else kind.batch,
        beginning=one.start == "beginning",
    )


def check(settings: Settings) -> None:
    """StartError, one sentence, for the first module whose settings cannot work."""
    for one in settings.modules:
        check_one(settings, one)


def check_one(settings: Settings, one: ModuleSettings) -> None:
    """StartError, one sentence, where the settings of this module cannot work."""
    for topic in one.topics:
        if topic not in model.TOPICS:
            raise StartError(
                f"The module {one.name} wants the topic {topic}, which is none of {', '.join(model.TOPICS)}."
            )
    made(settings, one)


def made(settings: Settings, one: ModuleSettings) -> Module:
    """The module, not yet opened."""
    place = Place(one.name, one.target, settings.data / "modules" / one.name, one.link, settings.xmpp.domain)
    return adapters.make(one.kind, place, one.options)


async def trial(settings: Settings, name: str) -> dict[str, Any]:
    """Hand the module of that name one test item, now and past its queue: `{"ok", "error", "took_s"}`."""
    found = next((one for one in settings.modules if one.name == name), None)
    if found is None:
        raise NotFound(f"There is no module {name}.")
    try:
        module = made(settings, found)
    except StartError as wrong:
        return {"ok": False, "error": wrong.message, "took_s": 0.0}
    item = model.trial(name, uuid4(), time.time_ns() // 1_000)
    began, error = time.monotonic(), ""
    try:
        async with asyncio.timeout(found.timeout):
            await module.open()
            answers = await module.deliver([item])
        if answers and answers[0] is not None:
            error = str(answers[0])
    except DeliveryError as raised:
        error = str(raised)
    except TimeoutError:
        error = f"no answer within {found.timeout:g} s"
    except Exception as raised:
        error = f"the module failed ({type(raised).__name__})"
    finally:
        await module.close()
    return {"ok": not error, "error": model.plain(error) or None, "took_s": round(time.monotonic() - began, 3)}


def filter_of(one: ModuleSettings) -> Filter:
    return Filter(one.topics, one.types, one.severity, one.agents, one.targets, one.tags, one.labels)


def shown_target(kind: type[Module], target: str) -> str:
    """The target for a page: of an address that is itself a secret only where it leads."""
    if not kind.secret_target:
        return target
    try:
        parts = urlsplit(target)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "(hidden)"
    return f"{parts.scheme}://{parts.hostname}{port}/…"
