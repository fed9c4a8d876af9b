"""`pumpkin worker`: a node that analyses packages and does nothing else, on the database of its servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from actors.supervision import System
from pumpkin.adapters.folder import DataFolder
from pumpkin.building import fitness
from pumpkin.building.discovery import build_registries
from pumpkin.building.packages import Bench, build_bench
from pumpkin.building.sandbox import build_sandbox
from pumpkin.bus import Bus
from pumpkin.errors import StartError, StartRefused
from pumpkin.settings import Settings
from pumpkin.store.database import Database, migrate


@dataclass(frozen=True)
class Workshop:
    """A running worker: its name among the nodes, how many packages at once, and a future of what failed for good."""

    bench: Bench
    failed: asyncio.Future[Any]


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[Workshop]:
    """A worker, until the block is left; what it analyses then goes back to the queue. StartError, one sentence, when
    it cannot start: without a database, or with one that is older or newer than this version."""
    if not settings.database:
        raise StartRefused("A worker needs the database of its servers: give --database DSN.")
    fitness.require(settings)
    async with AsyncExitStack() as stack:
        place = DataFolder(settings.data)
        place.claim()
        stack.callback(place.release)
        if missing := await migrate(settings.database, dry_run=True):
            raise StartError(
                f"The database lacks {len(missing)} migrations of this version ({missing[0]}, ...): "
                "start or upgrade a server on it first."
            )
        db = Database(settings.database)
        stack.push_async_callback(db.close)
        bus = Bus()
        system = System(bus)
        stack.push_async_callback(system.stop)
        sandbox = await build_sandbox(settings, system, place.node, stack)
        registries = await build_registries(settings, db, stack)
        bench = await build_bench(settings, system, db, bus, registries, sandbox, stack)
        yield Workshop(bench, system.escalated)
