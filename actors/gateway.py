"""Holds the aggregator's XMPP session: keeps the board of presence and who may deliver, sends commands out.

What is said to it goes to its reception (`actors.reception`).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, cast
from xml.etree.ElementTree import Element

import structlog

from actors.base import LoopActor
from actors.directory import FIND, Directory
from actors.ledger import Ledger
from actors.reception import Offered, Receive, Reception
from actors.registry import NEWCOMERS_LIMIT, Registry
from pumpkin.adapters import commands, omemo, stanzas
from pumpkin.adapters.https import ADDRESS, address_answer
from pumpkin.adapters.session import Session
from pumpkin.adapters.stanzas import name
from pumpkin.adapters.topics import Topics
from pumpkin.bus import Bus, Event
from pumpkin.errors import Conflict, NotFound, PumpkinError, Unavailable
from pumpkin.model.agents import Board, bare
from pumpkin.model.checks import Observation, Receipt
from pumpkin.model.presence import Roll
from pumpkin.store import facts, fleet
from pumpkin.store.database import Database

log = structlog.get_logger("pumpkin.gateway")

FLUSH_S = 0.25
REGISTRY_S = 2.0
UPTIME_S = 60.0
TOPICS = (
    *("check.stored", "check.sealed", "proof.stamped", "presence.changed", "message.received", "alert.raised"),
    *("alert.acknowledged", "alert.escalated", "alert.resolved", "alert.changed", "job.changed"),
)
"""What approved agents may subscribe to by XEP-0060."""

Residents = dict[str, Callable[[Any], Any]]
"""Agents of this process by bare JID, and how each is asked: to run a job by its name, or what it understands else."""


class Gateway(LoopActor):
    """`open_session()` gives a session not yet started (in process, or a connection of its own).

    `approved` is the set of bare JIDs that may deliver: the actor keeps it equal to the registry, also when the
    command line changes that. `checkpoint()` is the hash of the newest checkpoint (hex, empty when there is none), told
    with each receipt. `residents` are the agents of this process; handed in, they outlive a restart of this actor.
    `address()` is where checks are taken by HTTPS, and the certificates (PEM) it is known by, told to approved agents.
    `welcome(jid)` is the allow list. `reported(jid, document)` is told of each report; `attend(session, directory)` may
    serve more on a new session.
    The public coroutines are called on the loop, not asked.
    """

    def __init__(
        self,
        db: Database,
        bus: Bus,
        *,
        open_session: Callable[[], Session],
        receive: Receive,
        approved: set[str] | None = None,
        checkpoint: Callable[[], str] = lambda: "",
        residents: Residents | None = None,
        address: Callable[[], tuple[str, str]] = lambda: ("", ""),
        offered: Offered | None = None,
        reported: Offered | None = None,
        welcome: Callable[[str], bool] = lambda jid: False,
        attend: Callable[[Session, Directory], None] = lambda session, directory: None,
        now: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        super().__init__()
        self._db, self._bus, self._now = db, bus, now
        self._open_session, self._address, self._attend = open_session, address, attend
        self._registry = Registry(db, approved if approved is not None else set(), self._decided, now, welcome)
        self._ledger = Ledger(db)
        self._session: Session | None = None
        self._roll = Roll()
        self._keys, self._opened = asyncio.Lock(), cast("omemo.Cipher | None", None)
        self._asking: dict[str, set[str]] = {}  # who asked to see us, under which of our names
        self._here: Residents = residents if residents is not None else {}
        self._reception = Reception(
            db,
            bus,
            self._registry,
            self._ledger,
            receive=receive,
            checkpoint=checkpoint,
            say=self._say,
            busy=lambda: self._session is not None and self._session.busy,
            now=now,
            **({"offered": offered} if offered else {}),
            **({"reported": reported} if reported else {}),
            cipher=self._cipher if omemo.available() else None,
        )
        self.counts = self._reception.counts
        self._topics = Topics(bus, TOPICS, self._reception.admit, _for_agent)

    # -- what others read and call

    @property
    def board(self) -> Board:
        """Everybody's presence now."""
        return self._roll.board

    @property
    def connected(self) -> bool:
        """Whether the XMPP session stands."""
        return self._session is not None and self._session.connected

    def status(self) -> dict[str, Any]:
        """Figures for a page or metric: what came, what was refused and why, what waits to be written."""
        return {"connected": self.connected, "unwritten": len(self._ledger), **self.counts}

    def knows(self, agent: str) -> bool:
        """Whether checks of `agent` (bare JID) are taken."""
        return agent in self._registry.approved

    async def send_message(
        self, jid: str, body: str, metadata: Mapping[str, str] | None = None, thread: str | None = None
    ) -> str:
        """Say something to an agent as the aggregator; the message's id. Unavailable without a session."""
        stanza = stanzas.message(jid, body, metadata, thread=thread)
        self._line().send(stanza)
        said = stanzas.read_message(stanza, self._now())
        if said is not None:
            self._reception.keep(replace(said, sender=bare(self._line().jid), to=jid), stanza)
        return stanza.get("id", "")

    async def approve(self, jid: str, who: str = "") -> None:
        """Let an agent in: its checks are taken, its request to see us is granted, and we ask to see it."""
        jid = bare(jid)
        await self._registry.decide(jid, "approved")
        log.info("agent approved", jid=jid, who=who)

    async def revoke(self, jid: str, who: str = "") -> None:
        """Shut an agent out: nothing of it is taken, and it no longer sees us."""
        jid = bare(jid)
        await self._registry.decide(jid, "revoked")
        log.info("agent revoked", jid=jid, who=who)

    async def subscription(self, jid: str, kind: str) -> None:
        """Ask to see an agent's presence (`subscribe`), or see it no longer (`unsubscribe`)."""
        self._line().send(stanzas.presence(kind, to=bare(jid)))

    async def admit(self, sender: str) -> str:
        """The bare JID of a stanza's sender; UnknownAgent unless it is approved."""
        return await self._reception.admit(sender)

    async def ask_agent(self, jid: str, question: Element) -> Element:
        """An IQ set to an agent's most available resource, and its answer; Unavailable when it is not here, Conflict
        when it is one of this process, which nothing can be ordered from outside."""
        if bare(jid) in self._here:
            raise Conflict("It takes no orders: it is the server's own probe, for demonstration. Enrol one for that.")
        return await self._line().request(stanzas.iq("set", self._reach(jid), None, question))

    async def command(
        self,
        jid: str,
        node: str,
        form: commands.Form | None = None,
        sid: str | None = None,
        action: str = "execute",
    ) -> dict[str, Any]:
        """One step of an agent's ad hoc command (XEP-0050); its answer as JSON."""
        return await commands.execute(self._line(), self._reach(jid), node, form, sid, action)

    async def commands_of(self, jid: str) -> list[dict[str, str]]:
        """The commands an agent offers; none for one in this process."""
        return [] if bare(jid) in self._here else await commands.offered(self._line(), self._reach(jid))

    async def run_agent(self, jid: str, job: str | Mapping[str, Any] = "") -> dict[str, Any]:
        """Have an agent run a job now: in process, by its command `run`, else by a message of performative request."""
        wanted = job if isinstance(job, str) else str(job.get("behaviour") or job.get("job") or "")
        here = self._here.get(bare(jid))
        if here is not None:
            here(wanted)
            return {"channel": "process"}
        try:
            answer = await self.command(jid, "run", {"job": wanted}, None, "complete")
        except stanzas.StanzaError as error:
            if error.condition not in ("service-unavailable", "feature-not-implemented", "item-not-found"):
                raise
            ident = await self.send_message(jid, wanted, {"performative": "request", "ontology": "run"})
            return {"channel": "message", "id": ident}
        return {"channel": "command", **answer}

    async def adopt(self, jid: str, run: Callable[[Any], Any], site: str = "") -> None:
        """An agent of this process: approved and available from now on; `run(job name)` is how it is asked."""
        jid = bare(jid)
        await self._registry.decide(jid, "approved")
        self._here[jid] = run
        self._note(jid, "process", "available", "")

    async def report(self, jid: str, document: Mapping[str, Any]) -> None:
        """What an agent of this process says of itself, as others say it by message."""
        await self._reception.report(bare(jid), document)

    def took(self, seen: Observation, receipt: Receipt) -> None:
        """A check of an agent was stored that did not come through here."""
        self._reception.took(seen, receipt)

    # -- its life

    async def on_start(self) -> None:
        await self._registry.load()
        await fleet.read_anew(self._db)
        opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        keeper = self.spawn(self._hold(opened), "gateway session")
        await asyncio.wait([opened, keeper], return_when=asyncio.FIRST_COMPLETED)
        if not opened.done():
            await keeper
        _ = self.spawn(self._again(FLUSH_S, self._ledger.flush), "gateway writer")
        _ = self.spawn(self._again(REGISTRY_S, self._registry.refresh), "gateway registry")
        _ = self.spawn(self._again(UPTIME_S, self._uptime), "gateway uptime")

    async def on_stop(self) -> None:
        if self._session is not None:
            await self._session.stop()
        with contextlib.suppress(PumpkinError):
            await self._uptime()
            await self._ledger.flush()

    async def _hold(self, opened: asyncio.Future[None]) -> None:
        """The session, closed however this actor ends."""
        session = self._open_session()
        session.on_message, session.on_presence = self._reception.heard, self._presence
        session.on_ready, session.on_lost = self._ready, self._gone
        session.features |= {stanzas.CHECK, "urn:pumpkin:duty:aggregator", "urn:pumpkin:behaviour:cyclic"}
        session.serve("set", name("check", stanzas.CHECK), self._reception.check)
        session.serve("get", name("address", ADDRESS), self._tell_address)
        session.serve("get", name("omemo", omemo.OFFER), self._tell_omemo)
        self._topics.serve(session)
        directory = Directory(self._db, lambda: self.board, self._reception.admit)
        session.serve("get", name("find", FIND), directory.find)
        self._attend(session, directory)
        session.items = self._topics.nodes
        self._session = session
        try:
            session.start()
            opened.set_result(None)
            await asyncio.Event().wait()
        finally:
            self._topics.close()
            await session.stop()

    async def _again(self, period_s: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(period_s)
            try:
                await work()
            except Unavailable as error:
                self.counts["database_away"] += 1
                log.warning("not written yet", reason=error.message)

    def _ready(self) -> None:
        line = self._line()
        line.send(stanzas.iq("get", None, None, Element(name("query", "jabber:iq:roster"))))
        line.send(stanzas.presence(status="Pumpkin's aggregator"))
        for jid in self._here:
            self._note(jid, "process", "available", "")

    def _gone(self) -> None:
        self._topics.close()
        for jid in self._roll.forget_all(self._now()):
            if jid in self._here:
                self._note(jid, "process", "available", "")
            else:
                self._announce(jid)

    def _line(self) -> Session:
        if self._session is None or not self._session.connected:
            raise Unavailable("There is no XMPP session at the moment.")
        return self._session

    def _reach(self, jid: str) -> str:
        """The full JID of an agent's most available resource."""
        if "/" in jid:
            return jid
        reached = self._roll.resources(bare(jid))
        if not reached or bare(jid) in self._here:
            raise Unavailable(f"{jid} is not connected by XMPP at the moment.")
        return reached[0]

    # -- presence

    def _presence(self, stanza: Element) -> None:
        kind, sender = stanza.get("type"), stanza.get("from", "")
        try:
            jid = bare(sender)
        except ValueError:
            return
        if kind in (None, "unavailable"):
            show, status = stanzas.read_presence(stanza)
            if kind == "unavailable":
                self._topics.left(sender)
            self._note(jid, sender.partition("/")[2], show, status)
        elif kind == "subscribe":
            _ = self.spawn(self._subscribe(jid, stanza.get("to", "").partition("/")[0]))
        elif kind == "unsubscribe":
            self._say(stanzas.presence("unsubscribed", to=jid))

    def _note(self, jid: str, resource: str, show: str, status: str) -> None:
        if self._session is not None and jid == self._session.jid.partition("/")[0]:
            return
        now = self._now()
        if self._roll.note(jid, resource, show, status, now):
            self._announce(jid)
        self._ledger.heard(jid, now)

    def _announce(self, jid: str) -> None:
        one = self._roll.board.agents[jid]
        self._bus.publish("presence.changed", {"jid": jid, "show": one.show, "status": one.status})

    async def _subscribe(self, jid: str, ours: str) -> None:
        """Somebody asks to see us: granted to the approved at once, to a newcomer when somebody approves it."""
        try:
            state = await self._registry.state(jid)
        except Unavailable:
            return  # the server repeats the request at our next presence; so does the agent
        if state == "approved":
            self._grant(jid, {ours} - {""})
        elif state == "revoked":
            self._say(stanzas.presence("unsubscribed", to=jid))
        elif len(self._asking) < NEWCOMERS_LIMIT:
            self._asking.setdefault(jid, set()).add(ours)
            log.info("subscription waits for approval", jid=jid)
            self._bus.publish("presence.changed", {"jid": jid, "show": "unavailable", "status": "asks to be approved"})

    def _grant(self, jid: str, names: set[str]) -> None:
        for ours in names or {""}:
            for kind in ("subscribed", "subscribe"):
                stanza = stanzas.presence(kind, to=jid)
                if ours:
                    stanza.set("from", ours)
                self._say(stanza)

    def _say(self, stanza: Element) -> None:
        with contextlib.suppress(Unavailable):
            self._line().send(stanza)

    async def _tell_address(self, iq: Element) -> Element:
        """Where an approved agent may deliver by HTTPS when XMPP is away."""
        await self._reception.admit(iq.get("from", ""))
        return stanzas.result(iq, address_answer(*self._address()))

    async def _tell_omemo(self, iq: Element) -> Element:
        """The fingerprint of our device, ready from now on; NotFound where OMEMO is not installed."""
        await self._reception.admit(iq.get("from", ""))
        if not omemo.available():
            raise NotFound("OMEMO is not installed here (the extra omemo).")
        key = await (await self._cipher()).fingerprint()
        return stanzas.result(iq, Element(name("omemo", omemo.OFFER), {"fingerprint": key}))

    async def _cipher(self) -> omemo.Cipher:
        """Ours, opened when first wanted: its libraries cost memory and its keys time."""
        async with self._keys:
            if self._opened is None:
                account = bare(self._line().jid)
                memory = omemo.Memory(
                    lambda key: facts.get(self._db, f"omemo:{key}"),
                    lambda key, value: facts.put(self._db, f"omemo:{key}", value),
                )
                self._opened = await omemo.Cipher.open(self._line(), account, memory)
            return self._opened

    # -- who may

    def _decided(self, jid: str, state: str) -> None:
        if state == "approved":
            self._grant(jid, self._asking.pop(jid, set()))
            return
        self._asking.pop(jid, None)
        self._topics.left(jid)
        for kind in ("unsubscribed", "unsubscribe"):
            self._say(stanzas.presence(kind, to=jid))

    async def _uptime(self) -> None:
        await fleet.uptime(self._db, self._roll.take_uptime(self._now()))
        await self._reception.infer()


def _for_agent(jid: str, event: Event) -> bool:
    """Whether an agent may hear of an event: of messages only those it wrote or got, of orders only its own."""
    if event.topic == "job.changed":
        return bool(event.data.get("agent") == jid)
    if event.topic != "message.received":
        return True
    return jid in (event.data["from"].partition("/")[0], event.data["to"].partition("/")[0])
