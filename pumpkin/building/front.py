"""The front of the house: what the web is handed, how it is served, what is said at the door."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Sequence
from contextlib import AsyncExitStack
from ipaddress import ip_network
from typing import Any

from aiohttp import web

from actors.sandbox import SandboxSupervisor
from actors.supervision import Child, System
from pumpkin.adapters.clock import clock_of
from pumpkin.adapters.folder import DataFolder
from pumpkin.adapters.served_certificate import ServedCertificate
from pumpkin.adapters.xmppd.certificates import Certificates
from pumpkin.building.fleet import Fleet
from pumpkin.building.line import Line
from pumpkin.building.newcomers import newcomers
from pumpkin.building.packages import Analysis
from pumpkin.building.telemetry import traced
from pumpkin.building.upkeep import Upkeep
from pumpkin.bus import Bus
from pumpkin.errors import PumpkinError
from pumpkin.evidence import tsp
from pumpkin.evidence.authority import Authority
from pumpkin.evidence.checkpoint import LogKey
from pumpkin.model.checks import Observation, Receipt
from pumpkin.model.proofs import Verdict
from pumpkin.prover import Prover
from pumpkin.settings import Settings, folder
from pumpkin.store.database import Database
from pumpkin.web import routes
from pumpkin.web.crowd import Crowd, places
from pumpkin.web.discovery import Discovery
from pumpkin.web.doorstep import DoorRunner, DoorSite
from pumpkin.web.patience import Patience
from pumpkin.web.services import Access, Services


def services(
    settings: Settings,
    db: Database,
    bus: Bus,
    key: LogKey,
    authority: Authority | None,
    line: Line,
    fleet: Fleet,
    system: System,
    sandbox: Child[SandboxSupervisor],
    analysis: Analysis,
    discovery: Discovery,
    upkeep: Upkeep,
) -> Services:
    prover = Prover(db, key, settings.quorum)
    clock = clock_of(settings.synchronised_clock)
    former = DataFolder(settings.data).former_roots()

    def verify_token(token: bytes, payload: bytes) -> Verdict:
        return tsp.verify(token, data=payload, roots=[*line.authorities.roots(), *former])

    def respond(query: bytes) -> bytes:
        return authority.respond(query, clock=clock) if authority else b""

    def engines() -> dict[str, Any]:
        if sandbox.state != "running":
            return {"unavailable": f"The sandbox's supervisor is {sandbox.state}.", "engines": []}
        return {"unavailable": sandbox.actor.unavailable(), "engines": sandbox.actor.status()}

    def missing() -> dict[str, str]:
        parts = {part.name: part.state for part in system.states() if part.state != "running"}
        return parts | upkeep.missing()

    async def receive(observation: Observation) -> Receipt:
        return await line.aggregator.actor.receive(observation)

    async def receive_many(observations: Sequence[Observation]) -> list[Receipt | PumpkinError]:
        return await line.aggregator.actor.receive_many(observations)

    return Services(
        receive=receive,
        receive_many=receive_many,
        db=db,
        bus=bus,
        board=lambda: fleet.gateway.actor.board,
        log_key_text=key.vkey,
        tsa_respond=respond if authority else None,
        tsa_root_pem=authority.root_pem.decode() if authority else "",
        verify_token=verify_token,
        proof=prover.proof,
        bundle=prover.bundle,
        authorities=line.authorities.statuses,
        stamping=line.authorities.stamping,
        send_message=lambda *a, **k: fleet.gateway.actor.send_message(*a, **k),
        run_agent=lambda *a, **k: fleet.gateway.actor.run_agent(*a, **k),
        command=lambda *a, **k: fleet.gateway.actor.command(*a, **k),
        subscription=lambda jid, kind: fleet.gateway.actor.subscription(jid, kind),
        commands_of=lambda jid: fleet.gateway.actor.commands_of(jid),
        approve=lambda *a, **k: fleet.gateway.actor.approve(*a, **k),
        revoke=lambda *a, **k: fleet.gateway.actor.revoke(*a, **k),
        ready=missing,
        metrics=upkeep.metrics,
        notices=upkeep.notices,
        xmpp=fleet.as_json(),
        fleet=newcomers(settings, fleet),
        packages=analysis.services,
        discovery=discovery,
        access=_access(settings),
        sandbox=engines,
    )


def _access(settings: Settings) -> Access:
    given = settings.access
    return Access(
        open_reading=given.open_reading,
        open_everywhere=given.open_everywhere,
        public_rate=given.public_rate,
        public_burst=given.public_burst,
        rate=given.rate,
        burst=given.burst,
        streams=given.streams,
        public_streams=given.public_streams,
        trusted=tuple(ip_network(one, strict=False) for one in given.trusted_proxies),
    )


async def serve(settings: Settings, services: Services, listener: socket.socket, stack: AsyncExitStack) -> str:
    """Serve; the address for people."""
    application = routes.application(services, templates=folder("templates"), static=folder("static"))
    patience = Patience()
    application.middlewares.insert(0, patience.watched())
    if (trace := traced(settings, stack)) is not None:
        application.middlewares.insert(0, trace)
    crowd = Crowd(places(), patience.carries)
    runner = DoorRunner(application, crowd=crowd, access_log=None, handle_signals=False, shutdown_timeout=2.0)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    context = await _https(settings, stack)
    await DoorSite(runner, listener, context).start()
    if isinstance(runner.server, web.Server):
        watching = asyncio.create_task(patience.keep(runner.server), name="connections without a request")
        stack.callback(watching.cancel)
    port = listener.getsockname()[1]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{'https' if context else 'http'}://{host}:{port}"


async def _https(settings: Settings, stack: AsyncExitStack) -> ssl.SSLContext | None:
    """The TLS context, kept up to date; or None for plain HTTP: by default only on loopback."""
    loopback = settings.host in {"localhost", "::1"} or settings.host.startswith("127.")
    if settings.tls == "off" or (settings.tls == "auto" and loopback and settings.certificate is None):
        return None
    if settings.certificate is None:
        own = Certificates(settings.data / "tls", settings.xmpp.domain, (settings.host, socket.gethostname()))
        await asyncio.to_thread(own.ensure)
        served = ServedCertificate(own.chain_path, own.key_path, ensure=own.ensure)
    else:
        served = ServedCertificate(settings.certificate, settings.certificate_key or settings.certificate)
    keeping = asyncio.create_task(served.keep(), name="certificate of HTTPS")
    stack.callback(keeping.cancel)
    return served.context


def facts(settings: Settings, url: str, fleet: Fleet) -> dict[str, Any]:
    """ready.json (rulings.md 18)."""
    return {
        "url": url,
        "pid": os.getpid(),
        "xmpp": fleet.as_json(),
        "log_key": str(settings.data / "log-key.pem"),
        "tsa_root": str(settings.data / "tsa-root.pem") if settings.local_authority else None,
    }


def welcome(
    settings: Settings, url: str, fleet: Fleet, first_password: str | None, *, self_asserted: bool
) -> tuple[str, ...]:
    lines = [f"Pumpkin keeps its state in {settings.data}.", f"Pages: {url}"]
    if first_password is not None:
        lines.append(f"First login: admin, with the one-time password {first_password}")
    lines += [
        f"Probes connect to {fleet.host}, port {fleet.port} (STARTTLS) or {fleet.tls_port} (TLS);",
        f"  they trust {fleet.ca}",
        f"  make an account: pumpkin agent add NAME --data {settings.data}",
        "From other machines: run with --listen 0.0.0.0:8443 --xmpp-listen 0.0.0.0 --domain NAME-OF-THIS-HOST",
    ]
    if fleet.domain == "localhost" and not fleet.host.startswith("127."):
        lines.append("The XMPP listener is open, but agents elsewhere cannot resolve its domain localhost (--domain).")
    if self_asserted:
        lines.append(
            "Proofs are self-asserted: only the local authority stamps. Add a third party: pumpkin tsa add NAME."
        )
    return tuple(lines)
