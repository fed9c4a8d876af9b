"""The topics of `/api/v1/events` for agents over XMPP: a small XEP-0060 service of the aggregator.

An approved agent subscribes to a node (the topic), gets each event as a message with the event's JSON in a `json`
element (XEP-0335), and unsubscribes. Subscriptions last while the agent is available. `since` in the options replays
what the bus remembers; who missed more is told so first (`events.lost`). Nobody publishes. An agent that does not read
is not waited for: its subscription ends, and it is told that (section 8.7: `subscription="none"`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Collection
from uuid import uuid4
from xml.etree.ElementTree import Element, SubElement

import structlog

from pumpkin.adapters import stanzas
from pumpkin.adapters.session import Session
from pumpkin.adapters.stanzas import DISCO_ITEMS, FORMS, name
from pumpkin.bus import Bus, Event, Subscription
from pumpkin.errors import Forbidden, InvalidRequest, NotFound, PumpkinError, RateLimited
from pumpkin.model.agents import bare
from pumpkin.model.spade import legal

log = structlog.get_logger("pumpkin.topics")

PUBSUB = "http://jabber.org/protocol/pubsub"
EVENT = f"{PUBSUB}#event"
JSON = "urn:xmpp:json:0"
TOPICS_LIMIT = 50
SUBSCRIBERS_LIMIT = 5_000
QUEUE = 1_000
ITEM_LIMIT = 512 * 1024

Admit = Callable[[str], Awaitable[str]]


class Topics:
    """Serves `session`. `topics` are those agents may hear; `admit(sender)` answers the bare JID, or raises
    UnknownAgent; `mine(jid, event)` says whether an event is for that agent to hear."""

    def __init__(
        self,
        bus: Bus,
        topics: Collection[str],
        admit: Admit,
        mine: Callable[[str, Event], bool] = lambda jid, event: True,
    ) -> None:
        self._bus, self._topics, self._admit, self._mine = bus, topics, admit, mine
        self._session: Session | None = None
        self._readers: dict[tuple[str, str], tuple[Subscription, asyncio.Task[None], str]] = {}

    def serve(self, session: Session) -> None:
        """Answer pubsub requests on this session from now on."""
        self._session = session
        session.features |= {PUBSUB, f"{PUBSUB}#subscribe", f"{PUBSUB}#retrieve-subscriptions"}
        session.serve("set", name("pubsub", PUBSUB), self._set)
        session.serve("get", name("pubsub", PUBSUB), self._get)

    def nodes(self, iq: Element) -> list[Element]:
        """The answer's items to a discovery of what there is."""
        query = iq.find(name("query", DISCO_ITEMS))
        if query is not None and query.get("node"):
            return []
        jid = iq.get("to", "")
        return [Element(name("item", DISCO_ITEMS), {"jid": jid, "node": topic}) for topic in sorted(self._topics)]

    def left(self, sender: str) -> None:
        """A full JID (or a bare one, for all of its resources) is no longer available."""
        for full, topic in list(self._readers):
            if full == sender or ("/" not in sender and full.partition("/")[0] == sender):
                self._drop(full, topic)

    def close(self) -> None:
        """Nobody hears anything any more."""
        for full, topic in list(self._readers):
            self._drop(full, topic)

    @property
    def subscribers(self) -> int:
        """Subscriptions that stand."""
        return len(self._readers)

    async def _set(self, iq: Element) -> Element:
        jid = await self._admit(iq.get("from", ""))
        pubsub = iq[0]
        subscribe, unsubscribe = pubsub.find(name("subscribe", PUBSUB)), pubsub.find(name("unsubscribe", PUBSUB))
        if pubsub.find(name("publish", PUBSUB)) is not None:
            raise Forbidden("Nobody publishes here but Pumpkin.")
        wanted = subscribe if subscribe is not None else unsubscribe
        if wanted is None:
            raise InvalidRequest("Only subscribe and unsubscribe are served here.")
        topic, full = wanted.get("node", ""), wanted.get("jid", "") or iq.get("from", "")
        if topic not in self._topics:
            raise NotFound(f"There is no topic {topic[:100]!r}.")
        if _bare(full) != jid:
            raise Forbidden("An agent subscribes for itself only.")
        full = iq.get("from", "") if "/" not in full else full
        if unsubscribe is not None:
            if (full, topic) not in self._readers:
                raise NotFound("There is no such subscription.")
            self._drop(full, topic)
            return stanzas.result(iq)
        ident = self._subscribe(jid, full, topic, _since(pubsub))
        answer = Element(name("pubsub", PUBSUB))
        SubElement(answer, name("subscription", PUBSUB), _subscription(full, topic, ident))
        return stanzas.result(iq, answer)

    async def _get(self, iq: Element) -> Element:
        jid = await self._admit(iq.get("from", ""))
        if iq[0].find(name("subscriptions", PUBSUB)) is None:
            raise InvalidRequest("Only the list of subscriptions is served here.")
        answer = Element(name("pubsub", PUBSUB))
        listed = SubElement(answer, name("subscriptions", PUBSUB))
        for (full, topic), (_, _, ident) in self._readers.items():
            if full.partition("/")[0] == jid:
                SubElement(listed, name("subscription", PUBSUB), _subscription(full, topic, ident))
        return stanzas.result(iq, answer)

    def _subscribe(self, jid: str, full: str, topic: str, since: int | None) -> str:
        known = self._readers.get((full, topic))
        if known is not None and since is None:
            return known[2]
        if len(self._readers) >= SUBSCRIBERS_LIMIT or sum(one[0] == full for one in self._readers) >= TOPICS_LIMIT:
            raise RateLimited("There are too many subscriptions.")
        self._drop(full, topic)
        lost = since is not None and self._bus.missed(since)
        reader, ident = self._bus.subscribe([topic], limit=QUEUE, since=since), uuid4().hex
        task = asyncio.get_running_loop().create_task(
            self._tell(jid, full, topic, reader, lost=lost), name=f"topic {topic}"
        )
        self._readers[full, topic] = reader, task, ident
        return ident

    async def _tell(self, jid: str, full: str, topic: str, reader: Subscription, *, lost: bool = False) -> None:
        if lost:
            self._say(_lost(full, topic))
        async for event in reader:
            if self._session is None or not self._mine(jid, event):
                continue
            try:
                self._session.send(_event(full, event))
            except PumpkinError as error:
                log.info("subscriber not told", jid=full, topic=topic, reason=error.message)
                break
            await asyncio.sleep(0)
        if reader.overrun:
            log.warning("subscriber too slow", jid=full, topic=topic)
            self._say(_ended(full, topic))
        self._readers.pop((full, topic), None)

    def _say(self, stanza: Element) -> None:
        if self._session is not None:
            with contextlib.suppress(PumpkinError):
                self._session.send(stanza)

    def _drop(self, full: str, topic: str) -> None:
        found = self._readers.pop((full, topic), None)
        if found is not None:
            found[0].close()
            found[1].cancel()


def _event(to: str, event: Event) -> Element:
    message = Element(name("message"), {"to": to, "type": "headline", "id": uuid4().hex})
    items = SubElement(SubElement(message, name("event", EVENT)), name("items", EVENT), {"node": event.topic})
    item = SubElement(items, name("item", EVENT), {"id": str(event.id)})
    text = json.dumps(event.as_json(), ensure_ascii=False, separators=(",", ":"))
    if len(text) > ITEM_LIMIT:
        text = json.dumps({**event.as_json(), "data": {"reference": True, "size": len(text)}})
    SubElement(item, name("json", JSON)).text = legal(text)
    return message


def _lost(to: str, topic: str) -> Element:
    """Events after the one named are no longer remembered: read the lists again."""
    message = Element(name("message"), {"to": to, "type": "headline", "id": uuid4().hex})
    items = SubElement(SubElement(message, name("event", EVENT)), name("items", EVENT), {"node": topic})
    said = {"topic": "events.lost", "id": None, "time": None, "data": {"reason": "older than what is remembered"}}
    SubElement(SubElement(items, name("item", EVENT)), name("json", JSON)).text = json.dumps(said)
    return message


def _ended(to: str, topic: str) -> Element:
    """A subscription is no more (XEP-0060 section 8.7)."""
    message = Element(name("message"), {"to": to, "type": "headline", "id": uuid4().hex})
    said = {"node": topic, "jid": to, "subscription": "none"}
    SubElement(SubElement(message, name("event", EVENT)), name("subscription", EVENT), said)
    return message


def _subscription(full: str, topic: str, ident: str) -> dict[str, str]:
    return {"jid": full, "node": topic, "subid": ident, "subscription": "subscribed"}


def _since(pubsub: Element) -> int | None:
    """The option `since`: replay the remembered events with a greater id."""
    for line in pubsub.iterfind(f"{name('options', PUBSUB)}/{name('x', FORMS)}/{name('field', FORMS)}"):
        if line.get("var") == "since":
            text = (line.findtext(name("value", FORMS)) or "").strip()
            if text.isascii() and text.isdigit() and len(text) < 20:
                return int(text)
            raise InvalidRequest("The option since is not the number of an event.")
    return None


def _bare(jid: str) -> str:
    try:
        return bare(jid)
    except ValueError:
        return ""
