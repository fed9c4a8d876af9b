"""The line from a check to its proof: aggregator, sealer, stampers and notary, tied together."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

from actors.aggregator import Aggregator, Hashes
from actors.keyring import KeyRing
from actors.sealer import Sealer
from actors.supervision import Child, System
from pumpkin.adapters.clock import clock_of
from pumpkin.building.authorities import Pool
from pumpkin.bus import Bus
from pumpkin.evidence.authority import Authority
from pumpkin.evidence.checkpoint import LogKey
from pumpkin.model.checks import Observation, Receipt
from pumpkin.settings import Settings
from pumpkin.store import agents
from pumpkin.store.database import Database


@dataclass(frozen=True)
class Line:
    """Aggregator, sealer and authorities, tied together."""

    aggregator: Child[Aggregator]
    sealer: Child[Sealer]
    authorities: Pool
    keyring: Child[KeyRing]
    approved: set[str]

    @property
    def checkpoint(self) -> str | None:
        """The hash of the newest checkpoint, by which a record names it; None where there is none (yet)."""
        return self.sealer.actor.last_hash if self.sealer.state == "running" else None


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

    def returned() -> None:
        for sealer in sealers:
            if sealer.state == "running":
                sealer.actor.wake()

    def stored(first: int, hashes: Hashes) -> None:
        if sealers[0].state == "running":
            sealers[0].actor.stored(first, hashes)

    pool = Pool(settings, system, db, bus, stack, returned)
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
            checkpoint=lambda: sealers[0].actor.last_hash if sealers[0].state == "running" else None,
            signed=lambda seen: keyrings[0].actor.check(seen) if keyrings else None,
        ),
    )

    async def receive(seen: Observation) -> Receipt:
        return await aggregator.actor.receive(seen)

    keyrings.append(await system.start("keyring", lambda: KeyRing.start(db, key.origin, receive)))
    await pool.watch()
    return Line(aggregator, sealers[0], pool, keyrings[0], approved)
