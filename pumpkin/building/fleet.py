"""The fleet's side: the gateway on its XMPP server, and the demonstration probe."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import structlog

from actors.gateway import Gateway, Residents
from actors.lookout import Lookout
from actors.probe import Probe, RunNow, demo_config
from actors.supervision import Child, System
from pumpkin.building.line import Line
from pumpkin.building.lookout import watched
from pumpkin.building.xmpp import Served, serve_xmpp
from pumpkin.bus import Bus
from pumpkin.model.checks import Observation, Receipt
from pumpkin.settings import Settings
from pumpkin.store.database import Database

log = structlog.get_logger("pumpkin")


@dataclass(frozen=True)
class Fleet:
    """The XMPP side: where probes connect, and who holds its session."""

    gateway: Child[Gateway]
    residents: Residents
    served: Served
    address: list[str]
    """Where checks are taken by HTTPS and the certificates it is known by; empty until the web serves."""

    @property
    def host(self) -> str:
        return self.served.host

    @property
    def port(self) -> int:
        return self.served.port

    @property
    def tls_port(self) -> int:
        return self.served.tls_port

    @property
    def domain(self) -> str:
        return self.served.domain

    @property
    def aggregator(self) -> str:
        return self.served.account

    @property
    def ca(self) -> str:
        return self.served.ca

    def as_json(self) -> dict[str, Any]:
        return self.served.as_json()


async def build_fleet(
    settings: Settings,
    system: System,
    db: Database,
    bus: Bus,
    line: Line,
    lookout: Child[Lookout],
    stack: AsyncExitStack,
) -> Fleet:
    served = await serve_xmpp(settings, db, line.approved, stack)
    residents: Residents = {}
    address = ["", ""]
    gateway = await system.start(
        "gateway",
        lambda: Gateway.start(
            db,
            bus,
            open_session=watched(served.open_session, lookout, line.approved),
            receive=lambda observation: line.aggregator.actor.receive(observation),
            approved=line.approved,
            checkpoint=lambda: line.checkpoint or "",
            offered=lambda jid, document: line.keyring.actor.offered(jid, document),
            residents=residents,
            address=lambda: (address[0], address[1]),
        ),
    )
    return Fleet(gateway, residents, served, address)


def announce_address(settings: Settings, fleet: Fleet, url: str) -> None:
    """Let approved probes know where checks are taken by HTTPS. A listener for all addresses is named by the domain,
    which its certificate has; the probe connects to where it reaches XMPP."""
    host, port = settings.host, url.rpartition(":")[2]
    name = fleet.domain if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host  # noqa: S104
    own = settings.data / "tls" / "ca.pem"
    secure = url.startswith("https:")
    ca = own.read_text("ascii") if secure and settings.certificate is None and own.is_file() else ""
    fleet.address[:] = [f"{'https' if secure else 'http'}://{name}:{port}", ca]


async def start_demonstration(settings: Settings, system: System, fleet: Fleet, line: Line) -> None:
    """A probe of this process: a real tool against this machine, every half minute."""
    agent = f"demo@{fleet.domain}"
    reports: set[asyncio.Task[None]] = set()

    def report(document: Mapping[str, Any]) -> None:
        task = asyncio.get_running_loop().create_task(fleet.gateway.actor.report(agent, document))
        reports.add(task)
        task.add_done_callback(told)

    def told(task: asyncio.Task[None]) -> None:
        reports.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("not told", agent=agent, reason=str(error))  # the next change or hour tells it anew

    async def receive(seen: Observation) -> Receipt:
        receipt: Receipt = await line.aggregator.actor.receive(seen)
        if fleet.gateway.state == "running":
            fleet.gateway.actor.took(seen, receipt)
        return receipt

    probe = await system.start(
        "demonstration probe",
        lambda: Probe.start(
            demo_config(),
            folder=settings.data / "probes" / "demo",
            agent=agent,
            receive=receive,
            report=report,
        ),
    )
    await fleet.gateway.actor.adopt(agent, lambda job: probe.tell(RunNow(job)))
