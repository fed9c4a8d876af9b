"""What is said to the aggregator, taken in: checks by IQ or message, reports, talk; each authorised and answered.

Every refusal is logged with its sender, counted and answered; a check is answered after the commit.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4
from xml.etree.ElementTree import Element

import structlog

from actors.ledger import Ledger
from actors.registry import Registry
from pumpkin.adapters import stanzas
from pumpkin.adapters.omemo import Cipher, is_encrypted
from pumpkin.bus import Bus
from pumpkin.errors import Backpressure, InvalidJson, PumpkinError, UnknownAgent
from pumpkin.model import introduction, wire
from pumpkin.model.agents import Message, bare
from pumpkin.model.cadence import Cadence
from pumpkin.model.checks import UNREAD, Observation, Receipt
from pumpkin.store import fleet
from pumpkin.store.database import Database

log = structlog.get_logger("pumpkin.gateway")

CHECK_BODY_KEPT = 4_096
THREAD_BYTES = 1024 * 1024
REFUSABLE = (None, "", "inform", "request", "query", "propose", "subscribe", "tell")
CHECK_ONTOLOGIES = ("probeAgentOntology", "check", "checks")

Receive = Callable[[Observation], Awaitable[Receipt]]
Offered = Callable[[str, Mapping[str, Any]], Awaitable[None]]
"""Told of the key an agent signs with, as its report offers it; or of the report."""


async def _nobody_offers(jid: str, document: Mapping[str, Any]) -> None:
    return None


class Reception:
    """`say` sends a stanza, or drops it when there is no session; `busy` tells whether newcomers must wait."""

    def __init__(
        self,
        db: Database,
        bus: Bus,
        registry: Registry,
        ledger: Ledger,
        *,
        receive: Receive,
        checkpoint: Callable[[], str],
        say: Callable[[Element], None],
        busy: Callable[[], bool],
        now: Callable[[], int],
        offered: Offered = _nobody_offers,
        reported: Offered = _nobody_offers,
        cipher: Callable[[], Awaitable[Cipher]] | None = None,
    ) -> None:
        self._offered, self._reported = offered, reported
        self._cipher = cipher
        self._db, self._bus, self._registry, self._ledger = db, bus, registry, ledger
        self._receive, self._checkpoint, self._say, self._busy, self._now = receive, checkpoint, say, busy, now
        self._cadence = Cadence()
        self._reporting: set[str] = set()
        self.counts: Counter[str] = Counter()

    async def check(self, iq: Element) -> Element:
        """A check delivered natively (rulings.md 40); the answer to it, or the PumpkinError to answer with."""
        sender = iq.get("from", "")
        try:
            jid = await self.admit(sender)
            element = iq[0]
            body = await _in_thread(len(element.text or ""), stanzas.read_check, element)
            seen = await _in_thread(len(element.text or ""), _observation, body, jid)
            receipt = await self._receive(seen)
        except PumpkinError as error:
            self._refused(sender, error)
            raise
        self.took(seen, receipt)
        return stanzas.stored(iq, str(seen.id), receipt.seq, self._checkpoint())

    async def heard(self, stanza: Element) -> None:
        """A message: kept and announced; a check in it is stored and confirmed, a report taken over."""
        said = stanzas.read_message(stanza, self._now())
        if said is None or stanza.get("type") in ("error", "groupchat"):
            return
        self.counts["messages"] += 1
        try:
            jid = await self.admit(said.sender)
            if self._busy():
                raise Backpressure
            if self._cipher is not None and is_encrypted(stanza):
                body, key = await (await self._cipher()).decrypt(stanza)
                said = replace(said, body=body, metadata={**said.metadata, "omemo": key})
            if said.metadata.get("ontology") == "behaviours":
                await self._introduced(jid, said)
                self.keep(said, stanza)
            elif _is_check(said):
                await self._check_said(jid, said, stanza)
            else:
                self.keep(said, stanza)
        except PumpkinError as error:
            self._refused(said.sender, error)
            if said.metadata.get("performative") in REFUSABLE:
                self._reply_to(said, "refuse", error.message, {"code": error.code})
            return
        self._ledger.heard(jid, said.received)

    def took(self, seen: Observation, receipt: Receipt) -> None:
        """A check of an agent was stored, whatever way it came."""
        self.counts["checks_known" if receipt.known else "checks"] += 1
        self._ledger.checked(seen.agent, receipt.received, receipt.known)
        if UNREAD in seen.detail:
            self._beyond(seen)
        if not receipt.known and seen.agent not in self._reporting:
            self._cadence.note(seen.agent, seen.type, receipt.received)

    def _beyond(self, seen: Observation) -> None:
        """An agent newer than this server: the operator is told, once a key, in the journal and on its page."""
        if new := self._ledger.unread(seen.agent, wire.unread(seen.detail)):
            log.warning("keys kept unread: the agent is newer than this server", agent=seen.agent, keys=new)

    def keep(self, said: Message, stanza: Element) -> None:
        """Write a message down, and announce it."""
        self._ledger.keep(replace(said, stanza=stanzas.shown(stanza)))
        self._bus.publish(
            "message.received",
            {
                "from": said.sender,
                "to": said.to,
                "performative": said.metadata.get("performative"),
                "id": said.id,
            },
        )

    async def report(self, jid: str, document: Mapping[str, Any]) -> None:
        """What an agent says of itself; InvalidRequest for what does not fit."""
        await fleet.report(self._db, jid, introduction.read(document), self._now())
        if isinstance(offer := document.get("signing_key"), Mapping):
            await self._offered(jid, offer)
        await self._reported(jid, document)
        self._reporting.add(jid)
        self._cadence.forget(jid)

    async def infer(self) -> None:
        """Write down what the checks of agents show that report nothing."""
        await fleet.infer(self._db, self._cadence.take(self._now()))

    async def admit(self, sender: str) -> str:
        """The sender's bare JID; UnknownAgent unless it is approved."""
        try:
            jid = bare(sender)
        except ValueError:
            raise UnknownAgent from None
        if await self._registry.state(jid) != "approved":
            raise UnknownAgent
        return jid

    async def _check_said(self, jid: str, said: Message, stanza: Element) -> None:
        size = len(said.body)
        body = await _in_thread(size, wire.parse_json, said.body)
        try:
            seen = await _in_thread(size, _observation, body, jid)
            seen = replace(seen, encrypted="omemo" in said.metadata)
            receipt = await self._receive(seen)
        except PumpkinError as error:
            self._refused(said.sender, error)
            await self._answer(said, "refuse", error.message, {"uuid": _uuid_of(body), "code": error.code})
            return
        self.took(seen, receipt)
        ident = str(seen.id)
        opening = said.body if size <= CHECK_BODY_KEPT else f"{said.body[:CHECK_BODY_KEPT]} ..."
        self.keep(replace(said, body=opening, check=ident), stanza)
        await self._answer(said, "confirm", ident, {"uuid": ident, "seq": str(receipt.seq)})

    async def _introduced(self, jid: str, said: Message) -> None:
        if len(said.body) > THREAD_BYTES:
            raise InvalidJson("The report is larger than a report may be.")
        await self.report(jid, wire.parse_json(said.body))
        self.counts["reports"] += 1

    async def _answer(self, said: Message, performative: str, body: str, more: Mapping[str, str]) -> None:
        """The answer to a check: encrypted where the check was, and then it says nothing outside."""
        if self._cipher is None or "omemo" not in said.metadata:
            self._reply_to(said, performative, body, more)
            return
        text = json.dumps({"performative": performative, "reason": body, **more})
        stanza = stanzas.message(said.sender, "", {"performative": "inform"}, thread=said.thread, ident=uuid4().hex)
        for empty in stanza.findall(stanzas.name("body")):
            stanza.remove(empty)
        stanza.extend(await (await self._cipher()).encrypt(bare(said.sender), text))
        self._say(stanza)

    def _reply_to(self, said: Message, performative: str, body: str, more: Mapping[str, str]) -> None:
        metadata = {
            "performative": performative,
            "ontology": said.metadata.get("ontology", "check"),
            "language": "text",
            **more,
        }
        self._say(stanzas.message(said.sender, body, metadata, thread=said.thread, ident=uuid4().hex))

    def _refused(self, sender: str, error: PumpkinError) -> None:
        self.counts["refused"] += 1
        self.counts[f"refused_{error.code}"] += 1
        log.warning("stanza refused", sender=sender[:200], code=error.code, reason=error.message[:300])


def _observation(body: Mapping[str, Any], jid: str) -> Observation:
    return wire.from_agent(body, agent=jid)


def _is_check(said: Message) -> bool:
    """Whether a message is meant as a check: by its ontology, or by the look of its body."""
    if said.metadata.get("ontology") in CHECK_ONTOLOGIES:
        return True
    body = said.body.lstrip()
    return body.startswith("{") and '"payload"' in body and ('"meta"' in body or '"type"' in body)


def _uuid_of(body: Mapping[str, Any]) -> str:
    meta = body.get("meta")
    value = meta.get("uuid") if isinstance(meta, Mapping) else body.get("id")
    return value[:100] if isinstance(value, str) else ""


async def _in_thread(size: int, work: Callable[..., Any], *given: Any) -> Any:
    """The work itself where it is small; in a thread where the loop would feel it."""
    return await asyncio.to_thread(work, *given) if size > THREAD_BYTES else work(*given)
