"""The fleet's side: the XMPP server, the gateway in it, and the demonstration probe."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from actors.gateway import Gateway, Residents
from actors.probe import Probe, RunNow, demo_config
from actors.supervision import Child, System
from pumpkin.adapters.session import InProcess, Session
from pumpkin.adapters.xmpp import XmppSession, tls_context
from pumpkin.adapters.xmppd.limits import Limits
from pumpkin.adapters.xmppd.server import XmppServer
from pumpkin.building.line import Line
from pumpkin.bus import Bus
from pumpkin.errors import StartError
from pumpkin.model.checks import Observation, Receipt
from pumpkin.settings import Settings
from pumpkin.store import invitations, notices
from pumpkin.store.accounts import Accounts
from pumpkin.store.database import Database

ALIASES = ("correlation-engine", "aggregation-engine")


@dataclass(frozen=True)
class Fleet:
    """The XMPP side: where probes connect, and who holds its session."""

    gateway: Child[Gateway]
    residents: Residents
    host: str
    port: int
    tls_port: int
    domain: str
    ca: str
    aggregator: str

    def as_json(self) -> dict[str, Any]:
        return {
            "host": self.host,
            "port": self.port,
            "tls_port": self.tls_port,
            "domain": self.domain,
            "aggregator": self.aggregator,
            "ca": self.ca,
        }


async def build_fleet(
    settings: Settings, system: System, db: Database, bus: Bus, line: Line, stack: AsyncExitStack
) -> Fleet:
    xmpp = settings.xmpp
    account = f"aggregator@{xmpp.domain}"
    if xmpp.server == "prosody":
        raise StartError("A managed Prosody is not available yet; run it yourself and use --xmpp=external.")
    if xmpp.server == "external":
        if not xmpp.jid:
            raise StartError("The setting xmpp.jid is missing: the aggregator's account on the external XMPP server.")
        host, port, tls_port, ca = xmpp.host or xmpp.domain, xmpp.port, xmpp.port + 1, str(xmpp.ca or "")
        account = xmpp.jid
        context = tls_context(ca or None)

        def session() -> Session:
            return XmppSession(
                xmpp.jid, xmpp.password, host=xmpp.host or None, port=xmpp.port, context=context, program="Pumpkin"
            )

    else:
        server = XmppServer(
            Accounts(db),
            xmpp.domain,
            xmpp.listen,
            xmpp.port,
            settings.data / "xmpp",
            registration="invite" if xmpp.registration == "token" else xmpp.registration,
            redeem=lambda token, name: invitations.redeem(db, token, name),
            limits=Limits(stanza_size=xmpp.max_stanza),
        )
        await server.start()
        stack.push_async_callback(server.stop)
        await _keep_accounts_in_step(db, server, stack)
        host, port, tls_port, ca = xmpp.listen, server.port, server.tls_port, str(server.ca_path)

        def session() -> Session:
            return InProcess(
                lambda handler: server.attach("aggregator", handler, aliases=ALIASES),
                account,
                program="Pumpkin",
            )

    residents: Residents = {}
    gateway = await system.start(
        "gateway",
        lambda: Gateway.start(
            db,
            bus,
            open_session=session,
            receive=lambda observation: line.aggregator.actor.receive(observation),
            approved=line.approved,
            checkpoint=lambda: line.checkpoint or "",
            residents=residents,
        ),
    )
    return Fleet(gateway, residents, host, port, tls_port, xmpp.domain, ca, account)


async def _keep_accounts_in_step(db: Database, server: XmppServer, stack: AsyncExitStack) -> None:
    """End the sessions of accounts that the command line removes while the server runs."""
    task = asyncio.get_running_loop().create_task(
        notices.listen(db, "pumpkin_accounts", server.account_closed, server.review_accounts)
    )

    async def end() -> None:
        task.cancel()
        await asyncio.wait([task])

    stack.push_async_callback(end)


async def start_demonstration(settings: Settings, system: System, fleet: Fleet, line: Line) -> None:
    """A probe of this process: a real tool against this machine, every half minute."""
    agent = f"demo@{fleet.domain}"
    reports: set[asyncio.Task[None]] = set()

    def report(document: Mapping[str, Any]) -> None:
        task = asyncio.get_running_loop().create_task(fleet.gateway.actor.report(agent, document))
        reports.add(task)
        task.add_done_callback(reports.discard)

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
