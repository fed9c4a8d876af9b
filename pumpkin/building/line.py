"""The line from a check to its proof: aggregator, sealer, stampers and notary, tied together, on one node or
several."""

from __future__ import annotations

import shutil
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actors.aggregator import Aggregator, Hashes
from actors.keyring import KeyRing
from actors.leader import Leader
from actors.relay import Relay
from actors.sealer import Sealer
from actors.supervision import Child, Restart, System
from pumpkin.adapters.clock import clock_of
from pumpkin.adapters.folder import DataFolder
from pumpkin.building.authorities import Pool
from pumpkin.bus import Bus
from pumpkin.evidence.authority import Authority
from pumpkin.evidence.checkpoint import LogKey
from pumpkin.model.checks import Observation, Receipt
from pumpkin.settings import Settings
from pumpkin.store import agents, tasks
from pumpkin.store.database import Database


@dataclass(frozen=True)
class Line:
    """Aggregator, sealer and authorities, tied together."""

    aggregator: Child[Aggregator]
    sealer: Child[Sealer]
    authorities: Pool
    keyring: Child[KeyRing]
    approved: set[str]
    leader: Child[Leader]
    relay: Child[Relay]

    def leading(self) -> bool:
        """Whether this node leads those on its database: one of them does what must be done once."""
        return _leads(self.leader)

    @property
    def checkpoint(self) -> str | None:
        """The hash of the newest checkpoint, by which a record names it; None where there is none (yet)."""
        return self.sealer.actor.last_hash if self.sealer.running else None


async def build_line(
    settings: Settings,
    system: System,
    db: Database,
    bus: Bus,
    key: LogKey,
    authority: Authority | None,
    stack: AsyncExitStack,
) -> Line:
    sealers: list[Child[Sealer]] = []
    keyrings: list[Child[KeyRing]] = []
    node = DataFolder(settings.data).node

    leaders: list[Child[Leader]] = []

    def leading() -> bool:
        return bool(leaders) and _leads(leaders[0])

    def returned() -> None:
        for sealer in sealers:
            if sealer.running:
                sealer.actor.wake()

    def stored(first: int, hashes: Hashes) -> None:
        if sealers[0].running:
            sealers[0].actor.stored(first, hashes)

    pool = Pool(settings, system, db, bus, stack, returned, leading)

    def took() -> None:
        returned()
        pool.wake()

    leaders.append(await system.start("leader", lambda: Leader.start(db, node, took)))
    await pool.open(authority, clock_of(settings.synchronised_clock))
    sealers.append(
        await system.start(
            "sealer",
            lambda: Sealer.start(
                db,
                bus,
                key,
                busy=lambda: pool.busy,
                sealed=pool.sealed,
                tokens=pool.tokens,
                leading=leading,
                batch_age_s=settings.log.batch_age,
                batch_size=settings.log.batch_size,
            ),
        )
    )

    approved = {agent.jid for agent in await agents.all_agents(db) if agent.state == "approved"}
    aggregator = await system.start(
        "aggregator",
        lambda: Aggregator.start(
            db,
            bus,
            known_agent=lambda name: name.startswith(("key:", "user:", "system:")) or name in approved,
            stored=stored,
            wants_token=pool.wants_token,
            checkpoint=lambda: sealers[0].actor.last_hash if sealers[0].running else None,
            signed=lambda seen: keyrings[0].actor.check(seen) if keyrings else None,
            room=lambda: has_room(settings.data, settings.upkeep.reserve),
        ),
    )

    async def receive(seen: Observation) -> Receipt:
        return await aggregator.actor.receive(seen)

    keyrings.append(await system.start("keyring", lambda: KeyRing.start(db, key.origin, receive)))
    await pool.watch()

    def heard(topic: str, data: Any) -> None:
        if sealers[0].state != "running":
            return
        if topic == "check.stored":
            sealers[0].actor.told(int(data["seq"]) + 1)
        elif topic == "check.sealed":
            sealers[0].actor.followed()
        elif topic == "proof.stamped":
            pool.wake()

    relay = await system.start(
        "relay",
        lambda: Relay.start(db, bus, node, others=lambda: tasks.others(db, node), heard=heard, tell_tokens=pool.tell),
        restart=Restart(then="leave"),  # checks are stored and proven without it
    )
    return Line(aggregator, sealers[0], pool, keyrings[0], approved, leaders[0], relay)


def _leads(leader: Child[Leader]) -> bool:
    return leader.running and leader.actor.leading


def has_room(data: Path, reserve: int) -> bool:
    """Whether `reserve` MiB are free on the data folder's disk; true where that cannot be told."""
    try:
        return shutil.disk_usage(data).free >= reserve * 2**20
    except OSError:
        return True
