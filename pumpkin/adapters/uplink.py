"""A probe's way up: finds its aggregator by presence and delivers checks to it over one XMPP session.

Natively by IQ, answered after the commit (rulings.md 40); where nobody answers such IQs (SCANDALE's own engine), as a
SPADE message answered by `confirm` or `refuse`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4
from xml.etree.ElementTree import Element

import structlog

from pumpkin.adapters import stanzas
from pumpkin.adapters.omemo import Cipher, is_encrypted
from pumpkin.adapters.session import Session
from pumpkin.adapters.stanzas import StanzaError, name
from pumpkin.errors import (
    CheckConflict,
    Forbidden,
    InvalidCheck,
    PayloadTooLarge,
    PumpkinError,
    Unavailable,
)
from pumpkin.model import wire
from pumpkin.model.agents import bare

log = structlog.get_logger("pumpkin.probe")

ALIASES = ("aggregator", "aggregation-engine", "correlation-engine")
PATIENCE_S = 10.0
ANSWER_S = 60.0
SPADE = {"performative": "inform", "ontology": "probeAgentOntology", "language": "OWL-S"}
_HASH = re.compile(r"[0-9a-f]{64}\Z")
_NOT_OURS = ("service-unavailable", "feature-not-implemented", "item-not-found", "recipient-unavailable")


class Uplink:
    """`deliver` one native body at a time, many at once. Without `up_agent` the domain's own aggregator is asked."""

    def __init__(self, session: Session, account: str, up_agent: str | None = None) -> None:
        self._session = session
        domain = bare(account).partition("@")[2]
        self.up_agent = bare(up_agent) if up_agent else f"aggregator@{domain}"
        self._names = {self.up_agent}
        if self.up_agent.partition("@")[0] in ALIASES:
            self._names |= {f"{alias}@{domain}" for alias in ALIASES}
        self._full: str | None = None
        self._native = True
        self._since = time.monotonic()
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self.answer_s = ANSWER_S
        self.cipher: Cipher | None = None
        self.encrypted = False
        """Whether checks go encrypted only (OMEMO); then `cipher` must come before any goes."""
        self.unanswered = 0
        """Deliveries in a row that nobody answered, though a connection stood."""
        self.checkpoint: str | None = None
        self.nudge: Callable[[], None] = _nobody
        session.on_presence = self._presence
        session.on_message = self._message

    def trusts(self, jid: str) -> bool:
        """Whether `jid` (bare) is the aggregator: who else may give this probe commands is nobody."""
        return jid in self._names

    def greet(self, status: str = "") -> None:
        """At each new session: say we are here, and ask to see the aggregator."""
        self._full, self._native, self._since = None, True, time.monotonic()
        self.unanswered = 0
        self._session.send(stanzas.iq("get", None, None, Element(name("query", "jabber:iq:roster"))))
        self._session.send(stanzas.presence(status=status))
        self._session.send(stanzas.presence("subscribe", to=self.up_agent))

    async def deliver(self, body: Mapping[str, Any]) -> None:
        """Until the aggregator has stored it. InvalidCheck, CheckConflict and PayloadTooLarge are for ever, Forbidden
        until somebody approves us, Unavailable for now."""
        if not self._session.connected:
            raise Unavailable("There is no connection to the XMPP server.")
        if self.encrypted:
            await self._by_omemo(body)
            return
        if self._full is not None and self._native:
            try:
                await self._by_iq(body, self._full)
                return
            except StanzaError as error:
                self.unanswered = 0
                if error.condition not in _NOT_OURS:
                    raise _meaning(error) from error
                # It is there but takes no checks by IQ, or has just left; the message's answer will tell.
                self._native = False
        elif self._native and time.monotonic() - self._since < PATIENCE_S:
            raise Unavailable(f"{self.up_agent} has not shown itself yet.")
        await self._by_message(body)

    async def ask(self, question: Element, *, timeout_s: float = 10.0) -> Element:
        """Ask the aggregator something by IQ get; Unavailable while it has not shown itself."""
        if self._full is None:
            raise Unavailable(f"{self.up_agent} has not shown itself yet.")
        return await self._session.request(stanzas.iq("get", self._full, None, question), timeout_s=timeout_s)

    @property
    def full(self) -> str | None:
        """The aggregator's full JID; None while it is away."""
        return self._full

    @property
    def seen(self) -> bool:
        """Whether the aggregator showed itself in this session."""
        return self._full is not None

    def tell(self, ontology: str, document: Mapping[str, Any]) -> None:
        """A message of performative `inform` to the aggregator; lost when there is no connection."""
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        metadata = {"performative": "inform", "ontology": ontology, "language": "json"}
        try:
            self._session.send(stanzas.message(self.up_agent, text, metadata))
        except PumpkinError as error:
            log.debug("not told", ontology=ontology, reason=error.message)

    async def _by_iq(self, body: Mapping[str, Any], to: str) -> None:
        self.unanswered += 1
        answer = await self._session.request(stanzas.check_iq(body, to), timeout_s=self.answer_s)
        self.unanswered = 0
        stored = answer.find(name("stored", stanzas.CHECK))
        if stored is None or stored.get("id", "").lower() != str(body["id"]).lower():
            raise Unavailable(f"{to} answered without saying what it stored.")
        seen = stored.get("checkpoint", "")
        if _HASH.match(seen):
            self.checkpoint = seen

    async def _by_message(self, body: Mapping[str, Any]) -> None:
        ident = str(body["id"]).lower()
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[ident] = answer
        try:
            text = json.dumps(as_scandale(body), ensure_ascii=False, separators=(",", ":"))
            self._session.send(stanzas.message(self.up_agent, text, SPADE, thread=ident))
            async with asyncio.timeout(self.answer_s):
                await answer
        except TimeoutError:
            raise Unavailable(f"{self.up_agent} did not confirm within {self.answer_s:g} s.") from None
        finally:
            self._waiting.pop(ident, None)

    async def _by_omemo(self, body: Mapping[str, Any]) -> None:
        """As a message whose body only the aggregator can read; so is the answer (rulings.md 32)."""
        if self.cipher is None or self._full is None:
            raise Unavailable(f"{self.up_agent} has not shown an OMEMO device yet.")
        thread = uuid4().hex
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[thread] = answer
        try:
            text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
            stanza = stanzas.message(self.up_agent, "", {"performative": "inform", "ontology": "check"}, thread=thread)
            for empty in stanza.findall(name("body")):
                stanza.remove(empty)
            stanza.extend(await self.cipher.encrypt(self.up_agent, text))
            self._session.send(stanza)
            self.unanswered += 1
            async with asyncio.timeout(self.answer_s):
                await answer
        except TimeoutError:
            raise Unavailable(f"{self.up_agent} did not confirm within {self.answer_s:g} s.") from None
        finally:
            self._waiting.pop(thread, None)

    async def _read_answer(self, stanza: Element, answer: asyncio.Future[None]) -> None:
        """An encrypted `confirm` or `refuse`."""
        if self.cipher is None:
            return
        text, _ = await self.cipher.decrypt(stanza)
        said = wire.parse_json(text)
        self.unanswered = 0
        if answer.done():
            return
        if said.get("performative") == "confirm":
            answer.set_result(None)
        elif said.get("performative") == "refuse":
            answer.set_exception(_refused(str(said.get("reason", "")), str(said.get("code", ""))))

    def _presence(self, stanza: Element) -> None:
        sender, kind = stanza.get("from", ""), stanza.get("type")
        known = sender.partition("/")[0].casefold() in self._names
        if kind == "subscribe":
            # Only who we deliver to may see us without anybody being asked.
            self._session.send(stanzas.presence("subscribed" if known else "unsubscribed", to=sender))
        elif known and kind is None and "/" in sender:
            changed = self._full is None
            self._full, self._native = sender, True
            if changed:
                self.nudge()
        elif known and kind == "unavailable" and sender == self._full:
            self._full = None

    def _message(self, stanza: Element) -> Any:
        said = stanzas.read_message(stanza, 0)
        if said is None or said.sender.partition("/")[0].casefold() not in self._names:
            return None
        if is_encrypted(stanza):
            waits = self._waiting.get(said.thread or "")
            return None if waits is None else self._read_answer(stanza, waits)
        ident = said.metadata.get("uuid") or said.thread or ""
        answer = self._waiting.get(ident.lower())
        if answer is None or answer.done() or self.encrypted:
            return None
        performative = said.metadata.get("performative")
        if performative == "confirm":
            answer.set_result(None)
        elif performative == "refuse":
            answer.set_exception(_refused(said.body, said.metadata.get("code", "")))
        return None


def _nobody() -> None:
    """Nobody waits to be told that the way is free."""


def as_scandale(body: Mapping[str, Any]) -> dict[str, Any]:
    """A native body in SCANDALE's shape: the payload's bytes in base64, the further keys in `meta`."""
    payload = body["payload"]
    raw = payload["base64"] if "base64" in payload else base64.b64encode(payload["text"].encode()).decode()
    known = {"id", "type", "format", "observed", "payload", "after", "signature", "key_id", "kind"}
    return {
        "version": "1",
        "format": body["format"],
        "meta": {
            "uuid": body["id"],
            "ts": body["observed"],
            "type": body["type"],
            **{key: value for key, value in body.items() if key not in known},
        },
        "payload": {"raw": raw},
    }


def _meaning(error: StanzaError) -> PumpkinError:
    meaning: dict[str, type[PumpkinError]] = {
        "bad-request": InvalidCheck,
        "conflict": CheckConflict,
        "policy-violation": PayloadTooLarge,
        "forbidden": Forbidden,
    }
    return meaning.get(error.condition, Unavailable)(error.message)


def _refused(reason: str, code: str) -> PumpkinError:
    for kind in (CheckConflict, PayloadTooLarge, InvalidCheck):
        if code == kind.code:
            return kind(reason[:500])
    if code.startswith("invalid"):
        return InvalidCheck(reason[:500])
    return Unavailable(f"The aggregator refused: {reason[:500]}")
