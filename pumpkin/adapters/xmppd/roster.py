"""Rosters: who knows whom, kept in memory while in use, in the store always (RFC 6121 section 2)."""

from __future__ import annotations

import asyncio
import itertools
import xml.etree.ElementTree as ET
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from pumpkin.adapters.xmppd.accounts import AccountStore
from pumpkin.adapters.xmppd.addresses import parse
from pumpkin.adapters.xmppd.faults import StanzaFault
from pumpkin.adapters.xmppd.session import Session
from pumpkin.adapters.xmppd.stanza import CLIENT, Stanza, quoted, result

NAMESPACE = "jabber:iq:roster"
HIDDEN = "hidden"
_ROSTERS = 20_000


@dataclass(slots=True)
class Item:
    """One contact in one roster. `hidden`: it only asked, and is not shown."""

    contact: str
    name: str = ""
    subscription: str = "none"
    ask: bool = False
    pending_in: bool = False
    groups: tuple[str, ...] = ()

    @property
    def hears(self) -> bool:
        """Whether the owner gets the contact's presence."""
        return self.subscription in ("to", "both")

    @property
    def heard(self) -> bool:
        """Whether the contact gets the owner's presence."""
        return self.subscription in ("from", "both")

    def set(self, *, hears: bool | None = None, heard: bool | None = None) -> None:
        """Change one direction, or both, of the subscription."""
        to = self.hears if hears is None else hears
        of = self.heard if heard is None else heard
        self.subscription = ("both" if of else "to") if to else ("from" if of else "none")

    def xml(self, subscription: str | None = None) -> str:
        """The `item` element."""
        name = f" name={quoted(self.name)}" if self.name else ""
        ask = ' ask="subscribe"' if self.ask and not subscription else ""
        groups = "".join(f"<group>{escape(g)}</group>" for g in self.groups)
        head = f"<item jid={quoted(self.contact)} subscription={quoted(subscription or self.subscription)}{name}{ask}"
        return f"{head}>{groups}</item>" if groups else f"{head}/>"

    def row(self) -> dict[str, Any]:
        """As the store keeps it."""
        return {
            "contact": self.contact,
            "name": self.name,
            "subscription": self.subscription,
            "ask": "subscribe" if self.ask else None,
            "pending_in": self.pending_in,
            "groups": list(self.groups),
        }


class Rosters:
    """All rosters of the server, by the owner's bare JID."""

    def __init__(self, store: AccountStore, sessions: Callable[[str], Iterable[Session]], most: int) -> None:
        self._store = store
        self._sessions = sessions
        self._most = most
        self._cache: OrderedDict[str, dict[str, Item]] = OrderedDict()
        self._loading = asyncio.Lock()
        self._ids = itertools.count(1)

    async def of(self, owner: str) -> dict[str, Item]:
        """The owner's items by contact; the one live copy: change an item, then `save` it."""
        known = self._cache.get(owner)
        if known is None:
            async with self._loading:
                known = self._cache.get(owner)
                if known is None:
                    rows = await self._store.roster(owner)
                    known = {row["contact"]: _item(row) for row in rows}
                    self._cache[owner] = known
                    if len(self._cache) > _ROSTERS:
                        self._cache.popitem(last=False)
        self._cache.move_to_end(owner)
        return known

    async def item(self, owner: str, contact: str) -> Item | None:
        """One item, or None."""
        return (await self.of(owner)).get(contact)

    def forget(self, owner: str) -> None:
        """Read this roster anew when it is next used (another hand changed it)."""
        self._cache.pop(owner, None)

    async def save(self, owner: str, item: Item, *, push: bool = True) -> None:
        """Keep an item durably, then tell the owner's interested resources."""
        items = await self.of(owner)
        if item.contact not in items and len(items) >= self._most:
            raise StanzaFault("resource-constraint", f"A roster may have {self._most} contacts.")
        items[item.contact] = item
        await self._store.set_roster_item(owner, item.row())
        if push and item.subscription != HIDDEN:
            self._push(owner, item.xml())

    async def remove(self, owner: str, contact: str) -> None:
        """Drop an item and tell the owner's interested resources, unless it was hidden."""
        item = (await self.of(owner)).pop(contact, None)
        if item is not None:
            await self._store.delete_roster_item(owner, contact)
            if item.subscription != HIDDEN:
                self._push(owner, item.xml("remove"))

    async def drop_contact(self, contact: str) -> list[str]:
        """A contact is gone from the store: drop it from every roster in memory; the owners that had it."""
        owners = [owner for owner, items in self._cache.items() if contact in items]
        for owner in owners:
            await self.remove(owner, contact)
        return owners

    async def query(self, session: Session, asked: Stanza, query: ET.Element) -> tuple[Stanza, str | None]:
        """The answer to a roster get or set, and the contact that a set removes (the caller ends it)."""
        if asked.type == "get":
            session.interested = True
            items = (await self.of(session.bare)).values()
            shown = "".join(i.xml() for i in items if i.subscription != HIDDEN)
            return result(asked, f'<query xmlns="{NAMESPACE}">{shown}</query>'), None
        wanted = list(query)
        if len(wanted) != 1 or wanted[0].tag != f"{{{NAMESPACE}}}item":
            raise StanzaFault("bad-request")
        address = parse(wanted[0].get("jid", ""))
        contact = address.bare
        if wanted[0].get("subscription") == "remove":
            known = await self.item(session.bare, contact)
            if known is None or known.subscription == HIDDEN:
                raise StanzaFault("item-not-found")
            return result(asked), contact
        if contact == session.bare:
            raise StanzaFault("not-allowed", "Nobody is a contact of their own.")
        await self._set(session.bare, contact, wanted[0])
        return result(asked), None

    async def _set(self, owner: str, contact: str, wanted: ET.Element) -> None:
        groups = tuple(dict.fromkeys((g.text or "").strip() for g in wanted if g.tag == f"{{{NAMESPACE}}}group"))
        name = wanted.get("name", "")
        if "" in groups or len(groups) > 100 or max(map(len, (name, *groups))) > 1023:
            raise StanzaFault("not-acceptable")
        item = await self.item(owner, contact) or Item(contact)
        item.name, item.groups = name, groups
        if item.subscription == HIDDEN:
            item.subscription = "none"
        await self.save(owner, item)

    def _push(self, owner: str, item: str) -> None:
        for session in self._sessions(owner):
            if session.interested:
                inner = f'<query xmlns="{NAMESPACE}">{item}</query>'
                head = {"type": "set", "id": f"push{next(self._ids)}", "to": session.jid}
                session.deliver(Stanza("iq", CLIENT, head, inner.encode()))


def _item(row: dict[str, Any]) -> Item:
    return Item(
        row["contact"],
        row.get("name") or "",
        row.get("subscription") or "none",
        bool(row.get("ask")),
        bool(row.get("pending_in")),
        tuple(row.get("groups") or ()),
    )
