"""Our agent as a component of an external XMPP server (XEP-0114): every name below the component's domain is ours."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any
from xml.etree.ElementTree import Element

from slixmpp import ComponentXMPP
from slixmpp.xmlstream.stanzabase import StanzaBase

from pumpkin.adapters.stanzas import CLIENT, local_name, name
from pumpkin.adapters.xmpp import Client, Line, Place, Refused, XmppSession
from pumpkin.errors import Unavailable
from pumpkin.model.agents import bare

COMPONENT = "jabber:component:accept"
PEERS = 10_000


class ComponentSession(XmppSession):
    """The agent `user` of the component `domain`; `others` gives the bare JIDs that may see it.

    A component has no roster: it keeps for itself who sees it, answers probes, and shows its presence to each.
    """

    def __init__(
        self,
        domain: str,
        secret: str,
        *,
        host: str,
        port: int,
        user: str = "aggregator",
        others: Callable[[], Iterable[str]] = tuple,
        program: str = "Pumpkin",
        version: str = "",
    ) -> None:
        super().__init__(f"{user}@{domain}/pumpkin", secret, host=host, port=port, program=program, version=version)
        self._domain, self._secret, self._others = domain, secret, others
        self._shown: Element | None = None
        self._seen_by: set[str] = set()
        self._peers: OrderedDict[str, str] = OrderedDict()

    def _client_for(self, place: Place) -> Client:
        return _Component(self._domain, self._secret, self._route)

    async def _stay(self, client: Client) -> None:
        client.boundjid = _Bound(self._account)
        await super()._stay(client)

    def send(self, stanza: Element) -> None:
        to = stanza.get("to", "")
        if local_name(stanza) == "presence" and not to:
            self._shown = stanza
            for jid in {*self._others(), *self._seen_by}:
                self._show(jid)
            return
        if not to and local_name(stanza) == "iq":
            return  # a roster is asked of nobody
        if stanza.get("type") == "subscribed":
            self._seen_by.add(to.partition("/")[0])
        elif stanza.get("type") == "unsubscribed":
            self._seen_by.discard(to.partition("/")[0])
        if not stanza.get("from"):
            stanza.set("from", self._peers.get(to) or self._account)
        super().send(stanza)
        if stanza.get("type") == "subscribed":
            self._show(to.partition("/")[0], stanza.get("from", ""))

    def take(self, stanza: Element) -> None:
        sender, to = stanza.get("from", ""), stanza.get("to", "")
        if to and sender:
            self._peers[sender] = to if "/" in to else f"{to}/pumpkin"
            self._peers.move_to_end(sender)
            if len(self._peers) > PEERS:
                self._peers.popitem(last=False)
        if local_name(stanza) == "presence" and stanza.get("type") == "probe":
            if _plain(sender) in {*self._others(), *self._seen_by}:
                self._show(_plain(sender), to)
            return
        super().take(stanza)

    def _show(self, jid: str, ours: str = "") -> None:
        if self._shown is not None:
            shown = Element(self._shown.tag, {**self._shown.attrib, "to": jid})
            shown.extend(list(self._shown))
            shown.set("from", f"{ours.partition('/')[0]}/pumpkin" if ours else self._account)
            super().send(shown)


class _Bound:
    def __init__(self, full: str) -> None:
        self.full = full


class _Component(Line, ComponentXMPP):
    """slixmpp's component, its stanzas handed on in the clients' namespace."""

    def __init__(self, domain: str, secret: str, route: Callable[[StanzaBase], StanzaBase | None]) -> None:
        super().__init__(domain, secret, plugin_config={})  # type: ignore[no-untyped-call]
        self.auto_authorize = None
        self.auto_subscribe = False
        self.whitespace_keepalive = False
        self.prepare(lambda stanza: route(_as_client(stanza)))
        self.add_event_handler("stream_error", lambda error: self.decide(_meaning(error)))

    async def negotiate(self, host: str | None, port: int | None, direct_tls: bool) -> None:
        """Connect up to the accepted handshake; Refused or Unavailable when that fails."""
        await self.negotiated(self.connect(host or "127.0.0.1", port or 5347))


def _meaning(error: Any) -> Unavailable:
    condition = str(error["condition"])
    if condition in ("not-authorized", "host-unknown", "conflict"):
        return Refused(f"The XMPP server does not take this component: {condition}")
    return Unavailable(condition)


def _as_client(stanza: StanzaBase) -> StanzaBase:
    if stanza.xml.tag.rpartition("}")[2] not in ("iq", "message", "presence"):
        return stanza  # the handshake is slixmpp's
    for one in stanza.xml.iter():
        if isinstance(one.tag, str) and one.tag.startswith(f"{{{COMPONENT}}}"):
            one.tag = name(one.tag.rpartition("}")[2], CLIENT)
    return stanza


def _plain(jid: str) -> str:
    try:
        return bare(jid)
    except ValueError:
        return ""
