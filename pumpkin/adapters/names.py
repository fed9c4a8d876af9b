"""One agent under several accounts of a server that knows no aliases: a connection each, spoken to as one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import Element

from pumpkin.adapters import stanzas
from pumpkin.adapters.session import ANSWER_S, Session
from pumpkin.adapters.stanzas import local_name, name
from pumpkin.adapters.xmpp import XmppSession

PEERS = 10_000


class Several(Session):
    """`first` is who it is; under the names of `others` it answers too, each time under the name its peer used."""

    def __init__(self, first: XmppSession, *others: XmppSession) -> None:
        super().__init__(first.identity[2], first.version)
        self._first, self._members = first, (first, *others)
        self._peers: OrderedDict[str, XmppSession] = OrderedDict()

    @property
    def connected(self) -> bool:
        return self._first.connected

    @property
    def busy(self) -> bool:
        return any(one.busy for one in self._members)

    def start(self) -> None:
        for one in self._members:
            one.features |= self.features
            one.items = self.items
            for (kind, tag), answer in self._served.items():
                if tag.rpartition("}")[0].startswith("{urn:pumpkin") or "commands" in tag:
                    one.serve(kind, tag, answer)
            one.on_message = self._through(one, lambda: self.on_message)
            one.on_presence = self._through(one, lambda: self.on_presence)
            one.on_ready = self._ready_of(one)
        self._first.on_lost = self._gone
        for one in self._members:
            one.start()

    async def stop(self) -> None:
        for one in reversed(self._members):
            await one.stop()

    def send(self, stanza: Element) -> None:
        named = stanza.attrib.pop("from", "").partition("/")[0]
        if local_name(stanza) == "presence" and not stanza.get("to"):
            for one in self._members:
                if one.connected:
                    one.send(stanza)
            return
        self._line(named, stanza.get("to", "")).send(stanza)

    async def request(self, iq: Element, *, timeout_s: float = ANSWER_S) -> Element:
        return await self._line("", iq.get("to", "")).request(iq, timeout_s=timeout_s)

    def _line(self, named: str, to: str) -> XmppSession:
        found = next((one for one in self._members if one.bare == named), None) or self._peers.get(to)
        if found is None and "/" not in to:
            found = next((one for jid, one in reversed(self._peers.items()) if jid.partition("/")[0] == to), None)
        return found if found is not None and found.connected else self._first

    def _through(self, member: XmppSession, heard: Callable[[], Any]) -> Callable[[Element], Any]:
        def take(stanza: Element) -> Any:
            sender = stanza.get("from", "")
            self._peers[sender] = member
            self._peers.move_to_end(sender)
            if len(self._peers) > PEERS:
                self._peers.popitem(last=False)
            told = heard()
            return told(stanza) if told is not None else None

        return take

    def _ready_of(self, member: XmppSession) -> Callable[[], Any]:
        def ready() -> Any:
            if member is self._first:
                self.jid = member.jid
                return self.on_ready() if self.on_ready is not None else None
            member.send(stanzas.iq("get", None, None, Element(name("query", "jabber:iq:roster"))))
            member.send(stanzas.presence())
            return None

        return ready

    def _gone(self) -> Any:
        return self.on_lost() if self.on_lost is not None else None
