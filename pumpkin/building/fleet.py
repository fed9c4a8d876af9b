"""The fleet's side: the gateway on its XMPP server, and the demonstration probe."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from xml.etree.ElementTree import Element

import structlog

from actors.directory import Directory
from actors.foreman import Foreman
from actors.gateway import Gateway, Residents
from actors.liaison import Liaison, from_command
from actors.lookout import Lookout
from actors.probe import Confirm, Probe, RunNow, demo_config
from actors.supervision import Child, System
from pumpkin.adapters.folder import DataFolder
from pumpkin.adapters.orders import TAG as JOBS
from pumpkin.adapters.peers import TAG as ASK
from pumpkin.adapters.pooling import TAG as POOL
from pumpkin.adapters.session import Session
from pumpkin.building.line import Line
from pumpkin.building.lookout import watched
from pumpkin.building.xmpp import Served, serve_xmpp
from pumpkin.bus import Bus
from pumpkin.errors import StartRefused, Unavailable
from pumpkin.model.agents import Board
from pumpkin.model.checks import Observation, Receipt
from pumpkin.settings import Settings
from pumpkin.store import enrolments, facts, signing, succession
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
    foreman: Child[Foreman]
    fleet_key: str
    links: tuple[succession.Link, ...]
    """By whose word the fleet's key signs."""
    liaison: Callable[[], Liaison]

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
    folder = DataFolder(settings.data)
    public = await facts.once(db, succession.KEY, folder.fleet_key().public)
    key, links = folder.adopt_fleet_key(public), await succession.links(db)
    if key.public != public:
        raise StartRefused(
            "Probes obey another fleet key than this folder's; copy fleet-key.secret.pem from its server."
        )
    liaisons: list[Liaison] = []
    desk = Desk(db, residents, liaisons)
    gateway = await system.start(
        "gateway",
        lambda: Gateway.start(
            db,
            bus,
            open_session=watched(served.open_session, lookout, line.approved),
            receive=lambda observation: line.aggregator.actor.receive(observation),
            approved=line.approved,
            checkpoint=lambda: line.checkpoint or "",
            offered=lambda jid, document: first_key(db, line.keyring.actor.offered, jid, document),
            reported=desk.reported,
            welcome=lambda jid: any(fnmatchcase(jid, one.casefold()) for one in settings.xmpp.approve),
            attend=desk.attend,
            residents=residents,
            address=lambda: (address[0], address[1]),
        ),
    )
    foreman = await system.start(
        "foreman",
        lambda: Foreman.start(
            db,
            bus,
            key,
            links=links,
            reach=lambda jid, question: gateway.actor.ask_agent(jid, question),
            here=lambda: [jid for jid, one in gateway.actor.board.agents.items() if one.show != "unavailable"],
        ),
    )
    desk.open(gateway, foreman)
    return Fleet(gateway, residents, served, address, foreman, key.public, tuple(links), lambda: _one(liaisons))


class Desk:
    """What the aggregator's session serves beyond the gateway's own: orders, shared lists, questions to others. The
    gateway may be started anew, and comes before who answers."""

    def __init__(self, db: Database, residents: Residents, liaisons: list[Liaison]) -> None:
        self._db, self._residents, self._liaisons = db, residents, liaisons
        self._gateway: Child[Gateway] | None = None
        self._foreman: Child[Foreman] | None = None

    def open(self, gateway: Child[Gateway], foreman: Child[Foreman]) -> None:
        """Both are there."""
        self._gateway, self._foreman = gateway, foreman

    def attend(self, session: Session, directory: Directory) -> None:
        """A new session of the gateway's."""
        self._liaisons[:] = [Liaison(self._db, self._board, directory, self._confirm, self._resident)]
        session.serve("get", JOBS, self._jobs)
        session.serve("set", POOL, self._pool)
        session.serve("set", ASK, self._asked)

    async def reported(self, jid: str, document: Mapping[str, Any]) -> None:
        if self._foreman is not None and self._foreman.state == "running":
            await self._foreman.actor.reported(jid, document)

    async def _jobs(self, iq: Element) -> Element:
        gateway, foreman = self._both()
        return await foreman.answer_jobs(iq, await gateway.admit(iq.get("from", "")))

    async def _pool(self, iq: Element) -> Element:
        gateway, foreman = self._both()
        return await foreman.answer_pool(iq, await gateway.admit(iq.get("from", "")))

    async def _asked(self, iq: Element) -> Element:
        gateway, _ = self._both()
        return await _one(self._liaisons).asked(iq, await gateway.admit(iq.get("from", "")))

    def _board(self) -> Board:
        return self._both()[0].board

    async def _confirm(self, jid: str, form: Mapping[str, str]) -> Mapping[str, Any]:
        return from_command(await self._both()[0].command(jid, "confirm", form, None, "complete"))

    async def _resident(self, jid: str, form: Mapping[str, str]) -> Mapping[str, Any] | None:
        here = self._residents.get(jid)
        return None if here is None else await here(Confirm(form["type"], form["target"]))

    def _both(self) -> tuple[Gateway, Foreman]:
        if self._gateway is None or self._foreman is None:
            raise Unavailable("The fleet's side is still starting.")
        return self._gateway.actor, self._foreman.actor


async def first_key(
    db: Database,
    offered: Callable[[str, Mapping[str, Any]], Awaitable[None]],
    jid: str,
    document: Mapping[str, Any],
) -> None:
    """A key in an agent's report goes on to the key ring; the first one of an agent that enrolled must be the one it
    enrolled with, whose fingerprint a person saw before approving it."""
    enrolled = await enrolments.key_of(db, jid)
    another = enrolled is not None and document.get("public") != enrolled.hex()
    if another and all(one.agent != jid for one in await signing.all_keys(db)):
        log.warning("key not taken", agent=jid, reason="it is not the one the agent enrolled with")
        return
    await offered(jid, document)


async def _answered(probe: Child[Probe], wanted: Confirm) -> Mapping[str, Any]:
    found: Mapping[str, Any] = await (await probe.ask(wanted))
    return found


def _one(liaisons: list[Liaison]) -> Liaison:
    if not liaisons:
        raise Unavailable("There is no XMPP session at the moment.")
    return liaisons[0]


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

    def asked(wanted: str | Confirm) -> Any:
        return _answered(probe, wanted) if isinstance(wanted, Confirm) else probe.tell(RunNow(wanted))

    await fleet.gateway.actor.adopt(agent, asked)
