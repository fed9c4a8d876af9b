"""The line from a check to its proof: aggregator, sealer, stampers and notary, tied together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from actors.aggregator import Aggregator, Hashes
from actors.notary import Notary
from actors.sealer import Sealer
from actors.stamper import Series, Stamper
from actors.supervision import Child, System
from pumpkin.adapters.tsa import LocalTsa, TsaClient
from pumpkin.bus import Bus
from pumpkin.errors import StartError
from pumpkin.evidence.authority import Authority
from pumpkin.evidence.checkpoint import LogKey
from pumpkin.model.proofs import Checkpoint
from pumpkin.settings import AuthoritySettings, Settings
from pumpkin.store import agents
from pumpkin.store.database import Database


@dataclass(frozen=True)
class Line:
    """Aggregator, sealer and stampers, tied together."""

    aggregator: Child[Aggregator]
    sealer: Child[Sealer]
    stampers: tuple[Child[Stamper], ...]
    approved: set[str]

    @property
    def checkpoint(self) -> str | None:
        """The hash of the newest checkpoint, by which a record names it; None where there is none (yet)."""
        return self.sealer.actor.last_hash if self.sealer.state == "running" else None

    def statuses(self) -> list[dict[str, Any]]:
        return [child.actor.status() for child in self.stampers if child.state == "running"]


async def build_line(
    settings: Settings,
    system: System,
    db: Database,
    bus: Bus,
    key: LogKey,
    authority: Authority | None,
    stack: AsyncExitStack,
) -> Line:
    asked = [(_series(one), await _client(one, stack)) for one in settings.authorities]
    if authority is not None:
        local = Series("local", "local", [authority.root_pem], authority.policy, self_asserted=True)
        asked.append((local, LocalTsa(authority).ask))
    stampers: list[Child[Stamper]] = []
    sealers: list[Child[Sealer]] = []

    def returned() -> None:
        for sealer in sealers:
            if sealer.state == "running":
                sealer.actor.wake()

    def stamping() -> bool:
        return any(one.state == "running" and one.actor.busy for one in stampers)

    def tokens() -> list[str]:
        return [one.actor.token for one in stampers if one.state == "running" and one.actor.token]

    def sealed(head: Checkpoint) -> None:
        for one in stampers:
            if one.state == "running":
                one.actor.sealed(head)

    def stored(first: int, hashes: Hashes) -> None:
        if sealers[0].state == "running":
            sealers[0].actor.stored(first, hashes)

    for series, ask in asked:
        stampers.append(await system.start(f"stamper {series.name}", _stamper(db, bus, series, ask, returned)))
    notary = await system.start("notary", _notary(db, *asked[0])) if asked else None
    sealers.append(
        await system.start(
            "sealer",
            lambda: Sealer.start(
                db,
                bus,
                key,
                busy=stamping,
                sealed=sealed,
                tokens=tokens,
                batch_age_s=settings.log.batch_age,
                batch_size=settings.log.batch_size,
            ),
        )
    )

    def wants_token() -> None:
        if notary is not None and notary.state == "running":
            notary.actor.wake()

    approved = {agent.jid for agent in await agents.all_agents(db) if agent.state == "approved"}
    aggregator = await system.start(
        "aggregator",
        lambda: Aggregator.start(
            db,
            bus,
            known_agent=lambda name: name.startswith(("key:", "user:")) or name in approved,
            stored=stored,
            wants_token=wants_token,
            checkpoint=lambda: sealers[0].actor.last_hash if sealers[0].state == "running" else None,
        ),
    )
    return Line(aggregator, sealers[0], tuple(stampers), approved)


Ask = Callable[[bytes], Awaitable[bytes]]


def _stamper(db: Database, bus: Bus, series: Series, ask: Ask, returned: Callable[[], None]) -> Callable[[], Any]:
    return lambda: Stamper.start(db, bus, series, ask=ask, returned=returned)


def _notary(db: Database, series: Series, ask: Ask) -> Callable[[], Any]:
    return lambda: Notary.start(db, series, ask=ask)


def _series(authority: AuthoritySettings) -> Series:
    try:
        roots = [path.read_bytes() for path in authority.roots]
    except OSError as error:
        raise StartError(f"A root of the authority {authority.name} cannot be read: {error}.") from None
    if not roots:
        raise StartError(f"The authority {authority.name} has no roots; a token is only worth what its root is.")
    return Series(authority.name, authority.url, roots, authority.policy, min_interval_s=authority.min_interval)


async def _client(authority: AuthoritySettings, stack: AsyncExitStack) -> Ask:
    client = await stack.enter_async_context(TsaClient(authority.url, authority.timeout))
    return client.ask
