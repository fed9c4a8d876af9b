"""The one place that knows every part: builds the house bottom-up, and takes it down in exact reverse."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from actors import probe as probes
from actors.aggregator import Aggregator, Hashes
from actors.gateway import Gateway
from actors.notary import Notary
from actors.probe import Probe, RunNow, demo_config
from actors.sealer import Sealer
from actors.stamper import Series, Stamper
from actors.supervision import Child, System
from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from pumpkin.adapters.folder import DataFolder
from pumpkin.adapters.session import InProcess, Session
from pumpkin.adapters.tsa import LocalTsa, TsaClient
from pumpkin.adapters.xmpp import XmppSession, tls_context
from pumpkin.adapters.xmppd.certificates import Certificates
from pumpkin.adapters.xmppd.limits import Limits
from pumpkin.adapters.xmppd.server import XmppServer
from pumpkin.bus import Bus
from pumpkin.errors import PumpkinError, StartError
from pumpkin.evidence import groups, tsp
from pumpkin.evidence.authority import Authority
from pumpkin.evidence.checkpoint import LogKey
from pumpkin.model.checks import Observation, Receipt
from pumpkin.model.proofs import Checkpoint, Verdict
from pumpkin.prover import Prover
from pumpkin.settings import AuthoritySettings, Settings, folder
from pumpkin.store import agents, people
from pumpkin.store.accounts import Accounts
from pumpkin.store.database import Database
from pumpkin.web import routes
from pumpkin.web.services import Services

log = structlog.get_logger("pumpkin")
ALIASES = ("correlation-engine", "aggregation-engine")


@dataclass(frozen=True)
class House:
    """A running Pumpkin: where it is, what it says at its door, and a future of the part that failed for good."""

    url: str
    welcome: tuple[str, ...]
    failed: asyncio.Future[Any]


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[House]:
    """Pumpkin, until the block is left. StartError, one sentence, when a part cannot start."""
    async with AsyncExitStack() as stack:
        place = DataFolder(settings.data)
        place.claim()
        stack.callback(place.release)
        listener = _listen(settings)
        stack.callback(listener.close)

        db = await _database(settings, stack)
        first_password = await _first_administrator(db)
        bus = Bus()
        system = System(bus)
        stack.push_async_callback(system.stop)

        key = place.log_key(settings.log.origin)
        authority = place.authority(f"Pumpkin {key.origin}") if settings.local_authority else None
        line = await _line(settings, system, db, bus, key, authority, stack)
        fleet = await _fleet(settings, system, db, bus, line, stack)
        services = _services(settings, db, bus, key, authority, line, fleet, system)
        url = await _web(settings, services, listener, stack)
        if settings.demo:
            await _demonstration(settings, system, fleet, line)

        place.announce(_facts(settings, url, fleet))
        yield House(url, _welcome(settings, url, fleet, first_password), system.escalated)


# -- the ground: a listener, a database, an administrator


def _listen(settings: Settings) -> socket.socket:
    """The web server's socket, taken before anything is made: a port in use ends the start with one sentence."""
    try:
        return socket.create_server((settings.host, settings.port), backlog=1024, reuse_port=False)
    except OSError as error:
        raise StartError(
            f"The web server cannot listen on {settings.listen}: {error.strerror}; give --listen another HOST:PORT."
        ) from None


async def _database(settings: Settings, stack: AsyncExitStack) -> Database:
    dsn = settings.database
    if not dsn:
        postgres = EmbeddedPostgres(settings.data, watch=lambda event: log.warning("postgres", said=event))
        dsn = await postgres.start()
        stack.push_async_callback(postgres.stop)
    db = await Database.open(dsn)
    stack.push_async_callback(db.close)
    return db


async def _first_administrator(db: Database) -> str | None:
    """The one-time password of `admin`, made where nobody has an account yet."""
    if await people.anybody(db):
        return None
    password = secrets.token_urlsafe(12)
    await people.add(db, "admin", password, role="admin", must_change=True)
    return password


# -- the line from a check to its proof


@dataclass(frozen=True)
class _Line:
    """Aggregator, sealer and stampers, tied together."""

    aggregator: Child[Aggregator]
    sealer: Child[Sealer]
    stampers: tuple[Child[Stamper], ...]
    approved: set[str]

    def statuses(self) -> list[dict[str, Any]]:
        return [child.actor.status() for child in self.stampers if child.state == "running"]


async def _line(
    settings: Settings,
    system: System,
    db: Database,
    bus: Bus,
    key: LogKey,
    authority: Authority | None,
    stack: AsyncExitStack,
) -> _Line:
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
        ),
    )
    return _Line(aggregator, sealers[0], tuple(stampers), approved)


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


# -- the fleet: XMPP server, gateway


@dataclass(frozen=True)
class _Fleet:
    """The XMPP side: where probes connect, and who holds its session."""

    gateway: Child[Gateway]
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


async def _fleet(
    settings: Settings, system: System, db: Database, bus: Bus, line: _Line, stack: AsyncExitStack
) -> _Fleet:
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
            limits=Limits(stanza_size=xmpp.max_stanza),
        )
        await server.start()
        stack.push_async_callback(server.stop)
        host, port, tls_port, ca = xmpp.listen, server.port, server.tls_port, str(server.ca_path)

        def session() -> Session:
            return InProcess(
                lambda handler: server.attach("aggregator", handler, aliases=ALIASES),
                account,
                program="Pumpkin",
            )

    def checkpoint() -> str:
        head = line.sealer.actor.last if line.sealer.state == "running" else None
        return groups.body_hash(head.note).hex() if head else ""

    gateway = await system.start(
        "gateway",
        lambda: Gateway.start(
            db,
            bus,
            open_session=session,
            receive=lambda observation: line.aggregator.actor.receive(observation),
            approved=line.approved,
            checkpoint=checkpoint,
        ),
    )
    return _Fleet(gateway, host, port, tls_port, xmpp.domain, ca, account)


async def _demonstration(settings: Settings, system: System, fleet: _Fleet, line: _Line) -> None:
    """A probe of this process: a real tool against this machine, every half minute."""
    agent = f"demo@{fleet.domain}"
    reports: set[asyncio.Task[None]] = set()

    def report(document: Mapping[str, Any]) -> None:
        task = asyncio.get_running_loop().create_task(fleet.gateway.actor.report(agent, document))
        reports.add(task)
        task.add_done_callback(reports.discard)

    probe = await system.start(
        "demonstration probe",
        lambda: Probe.start(
            demo_config(),
            folder=settings.data / "probes" / "demo",
            agent=agent,
            receive=lambda observation: line.aggregator.actor.receive(observation),
            report=report,
        ),
    )
    await fleet.gateway.actor.adopt(agent, lambda job: probe.tell(RunNow(job)))


# -- the web


def _services(
    settings: Settings,
    db: Database,
    bus: Bus,
    key: LogKey,
    authority: Authority | None,
    line: _Line,
    fleet: _Fleet,
    system: System,
) -> Services:
    prover = Prover(db, key)
    roots = [path.read_bytes() for one in settings.authorities for path in one.roots]
    if authority is not None:
        roots.append(authority.root_pem)

    def verify_token(token: bytes, payload: bytes) -> Verdict:
        return tsp.verify(token, data=payload, roots=roots)

    def missing() -> dict[str, str]:
        return {part.name: part.state for part in system.states() if part.state != "running"}

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
        tsa_respond=authority.respond if authority else None,
        tsa_root_pem=authority.root_pem.decode() if authority else "",
        verify_token=verify_token,
        proof=prover.proof,
        bundle=prover.bundle,
        authorities=line.statuses,
        send_message=lambda *a, **k: fleet.gateway.actor.send_message(*a, **k),
        run_agent=lambda *a, **k: fleet.gateway.actor.run_agent(*a, **k),
        command=lambda *a, **k: fleet.gateway.actor.command(*a, **k),
        approve=lambda *a, **k: fleet.gateway.actor.approve(*a, **k),
        revoke=lambda *a, **k: fleet.gateway.actor.revoke(*a, **k),
        ready=missing,
        xmpp=fleet.as_json(),
    )


async def _web(settings: Settings, services: Services, listener: socket.socket, stack: AsyncExitStack) -> str:
    """Serve; the address for people."""
    application = routes.application(services, templates=folder("templates"), static=folder("static"))
    runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=2.0)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    context = await _https(settings)
    await web.SockSite(runner, listener, ssl_context=context, backlog=1024).start()
    port = listener.getsockname()[1]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{'https' if context else 'http'}://{host}:{port}"


async def _https(settings: Settings) -> ssl.SSLContext | None:
    """The TLS context, or None for plain HTTP: by default only on loopback."""
    loopback = settings.host in {"localhost", "::1"} or settings.host.startswith("127.")
    if settings.tls == "off" or (settings.tls == "auto" and loopback and settings.certificate is None):
        return None
    if settings.certificate is None:
        own = Certificates(settings.data / "tls", settings.xmpp.domain, (settings.host, socket.gethostname()))
        await asyncio.to_thread(own.ensure)
        return own.context()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.certificate, settings.certificate_key)
    except (OSError, ssl.SSLError) as error:
        raise StartError(f"The certificate {settings.certificate} cannot be used: {error}.") from None
    return context


# -- what it says at its door


def _facts(settings: Settings, url: str, fleet: _Fleet) -> dict[str, Any]:
    """ready.json (rulings.md 18)."""
    return {
        "url": url,
        "pid": os.getpid(),
        "xmpp": fleet.as_json(),
        "log_key": str(settings.data / "log-key.pem"),
        "tsa_root": str(settings.data / "tsa-root.pem") if settings.local_authority else None,
    }


def _welcome(settings: Settings, url: str, fleet: _Fleet, first_password: str | None) -> tuple[str, ...]:
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
    if not settings.authorities:
        lines.append(
            "Proofs are self-asserted: only the local authority stamps. Add a third party: authorities in the settings."
        )
    return tuple(lines)


async def run_probe(config: Path, *, data: Path, stop: asyncio.Event) -> None:
    """The body of `pumpkin probe`: until `stop` is set, or its jobs are done and delivered."""
    await probes.run_probe(config, data=data, stop=stop)
