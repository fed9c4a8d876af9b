"""The one place that knows every part: builds the house bottom-up, and takes it down in exact reverse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from actors.supervision import System
from pumpkin.adapters.folder import DataFolder
from pumpkin.building import entrance, fitness, front, ground
from pumpkin.building.correlation import build_correlation
from pumpkin.building.discovery import build_discovery, build_registries
from pumpkin.building.fleet import announce_address, build_fleet, start_demonstration
from pumpkin.building.line import build_line
from pumpkin.building.lookout import build_lookout
from pumpkin.building.modules import build_modules
from pumpkin.building.packages import build_analysis
from pumpkin.building.sandbox import build_sandbox
from pumpkin.building.upkeep import build_upkeep
from pumpkin.bus import Bus
from pumpkin.prover import Prover
from pumpkin.settings import Settings


@dataclass(frozen=True)
class House:
    """A running Pumpkin: where it is, what it says at its door, and a future of the part that failed for good."""

    url: str
    welcome: tuple[str, ...]
    failed: asyncio.Future[Any]


@asynccontextmanager
async def running(settings: Settings, *, new_log: bool = False) -> AsyncIterator[House]:
    """Pumpkin, until the block is left. StartError, one sentence, when a part cannot start.

    `new_log`: put the folder's log key aside and begin another log in an empty database."""
    fitness.require(settings)
    async with AsyncExitStack() as stack:
        place = DataFolder(settings.data)
        place.claim()
        stack.callback(place.release)
        listener = ground.listen(settings)
        stack.callback(listener.close)

        db = await ground.open_database(settings, place, stack, new_log=new_log)
        key = await ground.open_log(settings, place, db, stack, new_log=new_log)
        first_password = ground.first_administrator(db, stack)
        bus = Bus()
        system = System(bus)
        stack.push_async_callback(system.stop)

        authority = place.authority(f"Pumpkin {key.origin}") if settings.local_authority else None
        line = await build_line(settings, system, db, bus, key, authority, stack)
        upkeep = await build_upkeep(settings, system, db, line)
        prover = Prover(db, key, settings.quorum)
        modules = await build_modules(settings, system, db, bus, prover.proof, line.leading)
        lookout = await build_lookout(settings, system, db, bus, key, stack)
        fleet = await build_fleet(settings, system, db, bus, line, lookout, stack)
        correlation = await build_correlation(settings, system, db, bus, key.origin, line, fleet)
        sandbox = await build_sandbox(settings, system, place.node, stack)
        registries = await build_registries(settings, db, stack)
        analysis = await build_analysis(settings, system, db, bus, line, registries, sandbox, stack)
        discovery = await build_discovery(settings, system, db, registries, analysis.services, line.leading)
        services = front.services(
            settings, db, bus, key, authority, line, fleet, system, sandbox, analysis, discovery, upkeep
        )
        services = replace(services, correlation=correlation, modules=modules.services(), path=prover.path)
        services = entrance.opened(services, settings, lookout, stack)
        url = await front.serve(settings, services, listener, stack)
        announce_address(settings, fleet, url)
        if settings.demo:
            await start_demonstration(settings, system, fleet, line)

        place.announce(front.facts(settings, url, fleet))
        alone = line.authorities.only_local
        password = await first_password
        yield House(url, front.welcome(settings, url, fleet, password, self_asserted=alone), system.escalated)
