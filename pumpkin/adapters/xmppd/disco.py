"""What the server says it can do (XEP-0030)."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from pumpkin.adapters.xmppd.faults import StanzaFault
from pumpkin.adapters.xmppd.stanza import Stanza, quoted, result

INFO = "http://jabber.org/protocol/disco#info"
ITEMS = "http://jabber.org/protocol/disco#items"

SERVER = (INFO, ITEMS, "urn:xmpp:ping", "jabber:iq:roster", "jabber:iq:register", "jabber:iq:version", "msgoffline")
_PEP = (
    *("access-open", "access-presence", "access-whitelist", "auto-create", "auto-subscribe", "config-node"),
    *("create-nodes", "delete-nodes", "filtered-notifications", "item-ids", "last-published", "multi-items"),
    *("persistent-items", "publish", "publish-options", "purge-nodes", "retract-items", "retrieve-items"),
)
ACCOUNT = (INFO, ITEMS, *(f"http://jabber.org/protocol/pubsub#{name}" for name in _PEP))


def info(asked: Stanza, query: ET.Element, *, account: bool) -> Stanza:
    """Identity and features of the server, or of an account."""
    if asked.type != "get":
        raise StanzaFault("not-allowed")
    if query.get("node"):
        raise StanzaFault("item-not-found")
    if account:
        identity = '<identity category="account" type="registered"/><identity category="pubsub" type="pep"/>'
    else:
        identity = '<identity category="server" type="im" name="Pumpkin"/>'
    features = "".join(f"<feature var={quoted(var)}/>" for var in (ACCOUNT if account else SERVER))
    return result(asked, f'<query xmlns="{INFO}">{identity}{features}</query>')


def items(asked: Stanza, query: ET.Element, owner: str, nodes: list[str]) -> Stanza:
    """An account's PEP nodes; none for the server, which has no other services."""
    if asked.type != "get":
        raise StanzaFault("not-allowed")
    node = query.get("node")
    if node:
        return result(asked, f'<query xmlns="{ITEMS}" node={quoted(node)}/>')
    listed = "".join(f"<item jid={quoted(owner)} node={quoted(name)}/>" for name in nodes)
    return result(asked, f'<query xmlns="{ITEMS}">{listed}</query>')
