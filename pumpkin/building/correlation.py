"""The correlator over what comes in, and what its rules may do to probes."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Mapping
from typing import Any

from actors.correlator import Correlator, Pace
from actors.correlator_acts import Acts
from actors.supervision import Child, Restart, System
from pumpkin.building.fleet import Fleet
from pumpkin.building.line import Line
from pumpkin.bus import Bus
from pumpkin.model.checks import Observation, Receipt
from pumpkin.settings import Settings
from pumpkin.store.database import Database
from pumpkin.web.alerts import Correlation


async def build_correlation(
    settings: Settings, system: System, db: Database, bus: Bus, origin: str, line: Line, fleet: Fleet
) -> Correlation:
    """The actor, and what the web is handed of it."""

    async def receive(seen: Observation) -> Receipt:
        return await line.aggregator.actor.receive(seen)

    async def run(jid: str, job: str) -> Mapping[str, Any]:
        return await fleet.gateway.actor.run_agent(jid, job)

    async def command(jid: str, node: str, form: Mapping[str, str]) -> Mapping[str, Any]:
        return await fleet.gateway.actor.command(jid, node, form, None, "complete")

    acts = Acts(db, run=run, command=command, board=lambda: fleet.gateway.actor.board)
    child: Child[Correlator] = await system.start(
        "correlator",
        lambda: Correlator.start(
            db,
            bus,
            origin=origin,
            holder=_holder(settings),
            rules=settings.correlation.rules or settings.data / "alerts.toml",
            receive=receive,
            board=lambda: fleet.gateway.actor.board,
            acts=acts,
            pace=Pace(tick_s=settings.correlation.every),
        ),
        restart=Restart(limit=20, backoff_max_s=30.0, then="leave"),
    )

    def status() -> Mapping[str, Any]:
        found = child.actor.status() if child.state == "running" else {**Correlation().status(), "state": child.state}
        return {**found, "last_error": found["last_error"] or child.last_error}

    def stir(how: str) -> None:
        if child.state == "running":
            getattr(child.actor, how)()

    return Correlation(status=status, wake=lambda: stir("wake"), reload=lambda: stir("reload"))


def _holder(settings: Settings) -> str:
    """This installation among all on one database: the same after a restart."""
    where = f"{socket.gethostname()}\n{settings.data}"
    return f"{socket.gethostname()[:60]}-{hashlib.sha256(where.encode()).hexdigest()[:12]}"
