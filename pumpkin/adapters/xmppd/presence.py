"""Presence: who is there, and who may know (RFC 6121 sections 3 and 4)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable

from pumpkin.adapters.xmppd.addresses import Address
from pumpkin.adapters.xmppd.faults import StanzaFault
from pumpkin.adapters.xmppd.offline import Offline
from pumpkin.adapters.xmppd.roster import HIDDEN, Item, Rosters
from pumpkin.adapters.xmppd.session import Session
from pumpkin.adapters.xmppd.stanza import CLIENT, Stanza

SUBSCRIPTIONS = ("subscribe", "subscribed", "unsubscribe", "unsubscribed")
_PRIORITY = re.compile(rb"<priority[^>]*>\s*([+-]?\d{1,3})\s*</priority>")
_SIZE = 64 * 1024
_DIRECTED = 1_000


class Presences:
    """Takes the presence stanzas of bound sessions and tells everybody who may know."""

    def __init__(
        self,
        domain: str,
        rosters: Rosters,
        offline: Offline,
        sessions: Callable[[str], Iterable[Session]],
        exists: Callable[[str], Awaitable[bool]],
    ) -> None:
        self._domain, self._rosters, self._offline = domain, rosters, offline
        self._sessions = sessions
        self._exists = exists
        self.appeared: Callable[[Session], None] = lambda _: None
        """Called after a session's presence changed (PEP looks at its capabilities)."""
        self.published: Callable[[str, Session], Awaitable[None]] = _nothing
        """Called when a session may see what an owner published (PEP)."""

    async def take(self, session: Session, stanza: Stanza, to: Address | None) -> None:
        """One presence stanza of `session`, its `from` already stamped."""
        kind = stanza.type
        if len(stanza.inner) > _SIZE:
            raise StanzaFault("policy-violation", f"A presence may have {_SIZE} bytes.")
        if kind in SUBSCRIPTIONS:
            if to is not None and to.bare != session.bare:
                await self._subscription(session, stanza, kind, to)
        elif to is None or (to.bare == session.bare and not to.resource):
            if kind == "":
                await self._available(session, stanza)
            elif kind == "unavailable":
                await self.unavailable(session, stanza)
        elif kind == "probe":
            await self._probe(session, to)
        elif kind in ("", "unavailable", "error"):
            self._direct(session, stanza, to)

    async def unavailable(self, session: Session, stanza: Stanza | None = None) -> None:
        """The session goes away: everybody who saw it is told once."""
        if stanza is None:
            stanza = Stanza("presence", CLIENT, {"type": "unavailable", "from": session.jid})
        was, session.presence = session.presence, None
        directed, session.directed = session.directed, set()
        told: set[str] = set()
        if was is not None:
            told = await self._broadcast(session, stanza)
        for jid in directed:
            if jid not in told:
                for target in self._targets(jid):
                    target.deliver(stanza.copy(to=jid))

    async def removed(self, owner: str, contact: str) -> None:
        """A contact leaves the owner's roster: both directions end (RFC 6121 section 2.5)."""
        item = await self._rosters.item(owner, contact)
        if item is None:
            return
        for kind, needed in (("unsubscribe", item.hears or item.ask), ("unsubscribed", item.heard or item.pending_in)):
            if needed:
                head = {"type": kind, "from": owner, "to": contact}
                await self._outbound(owner, contact, kind, Stanza("presence", CLIENT, head))
        await self._rosters.remove(owner, contact)

    async def _available(self, session: Session, stanza: Stanza) -> None:
        first = session.presence is None
        was_receiving = not first and session.priority >= 0
        found = _PRIORITY.search(stanza.inner)
        priority = max(-128, min(127, int(found[1]))) if found else 0
        stanza.attributes.pop("to", None)
        session.flushing = session.flushing or (priority >= 0 and not was_receiving)
        session.presence, session.priority = stanza, priority
        await self._broadcast(session, stanza)
        self.appeared(session)
        if first:
            await self._greet(session)
        if priority >= 0 and not was_receiving:
            await self._offline.flush(session)

    async def _broadcast(self, session: Session, stanza: Stanza) -> set[str]:
        """To every contact that may know, and to the own resources; answers the bare JIDs told."""
        told = {session.bare}
        for item in list((await self._rosters.of(session.bare)).values()):
            if item.heard:
                told.add(item.contact)
        for bare in told:
            for target in list(self._sessions(bare)):
                if target.presence is not None or target is session:
                    target.deliver(stanza.copy(to=bare if bare != session.bare else target.jid))
        return told

    async def _greet(self, session: Session) -> None:
        """What a resource learns when it appears: contacts' presence, its siblings', waiting requests."""
        for item in list((await self._rosters.of(session.bare)).values()):
            if item.hears:
                self._show(item.contact, session)
            if item.pending_in:
                head = {"type": "subscribe", "from": item.contact, "to": session.bare}
                session.deliver(Stanza("presence", CLIENT, head))
        self._show(session.bare, session)

    def _show(self, contact: str, to: Session) -> bool:
        shown = False
        for other in list(self._sessions(contact)):
            if other.presence is not None and other is not to:
                to.deliver(other.presence.copy(to=to.jid))
                shown = True
        return shown

    async def _probe(self, session: Session, to: Address) -> None:
        if to.domain != self._domain:
            return
        item = await self._rosters.item(to.bare, session.bare)
        if to.bare != session.bare and (item is None or not item.heard):
            return
        if not self._show(to.bare, session):
            head = {"type": "unavailable", "from": to.bare, "to": session.jid}
            session.deliver(Stanza("presence", CLIENT, head))

    def _direct(self, session: Session, stanza: Stanza, to: Address) -> None:
        jid = str(to)
        if stanza.type == "" and len(session.directed) < _DIRECTED:
            session.directed.add(jid)
        elif stanza.type == "unavailable":
            session.directed.discard(jid)
        for target in self._targets(jid):
            target.deliver(stanza)

    def _targets(self, jid: str) -> list[Session]:
        bare, _, resource = jid.partition("/")
        return [s for s in self._sessions(bare) if (s.resource == resource if resource else s.presence is not None)]

    async def _subscription(self, session: Session, stanza: Stanza, kind: str, to: Address) -> None:
        stanza.stamp(from_=session.bare, to=to.bare)
        if to.domain != self._domain or not to.user:
            raise StanzaFault("remote-server-not-found")
        await self._outbound(session.bare, to.bare, kind, stanza)

    async def _outbound(self, user: str, contact: str, kind: str, stanza: Stanza) -> None:
        """The sender's half (RFC 6121 appendix A.2); then the contact's."""
        item = await self._rosters.item(user, contact)
        known = item or Item(contact)
        before = known.row()
        if kind == "subscribe":
            if known.subscription == HIDDEN:
                known.set()
            known.ask = known.ask or not known.hears
        elif kind == "unsubscribe":
            known.ask = False
            if known.subscription != HIDDEN:
                known.set(hears=False)
        elif kind == "subscribed":
            if not known.pending_in:
                return
            known.pending_in = False
            known.set(heard=True)
        else:
            if not (known.pending_in or known.heard):
                return
            was_heard, known.pending_in = known.heard, False
            if known.subscription == HIDDEN:
                await self._rosters.remove(user, contact)
                before = known.row()
            else:
                known.set(heard=False)
            if was_heard:
                self._vanish(user, contact)
        if known.row() != before and (item is not None or kind == "subscribe"):
            await self._rosters.save(user, known)
        await self._inbound(contact, user, kind, stanza)
        if kind == "subscribed":
            await self._approved(user, contact)

    async def _inbound(self, owner: str, sender: str, kind: str, stanza: Stanza) -> None:
        """The receiver's half (RFC 6121 appendix A.3)."""
        if kind == "subscribe":
            await self._asked(owner, sender, stanza)
            return
        item = await self._rosters.item(owner, sender)
        if item is None:
            return
        before, was_heard = item.row(), item.heard
        if kind == "subscribed":
            if not item.ask:
                return
            item.ask = False
            item.set(hears=True)
        elif kind == "unsubscribed":
            if not (item.ask or item.hears):
                return
            item.ask = False
            item.set(hears=False)
        else:
            if not (was_heard or item.pending_in):
                return
            item.pending_in = False
            if item.subscription == HIDDEN:
                await self._rosters.remove(owner, sender)
                before = item.row()
            else:
                item.set(heard=False)
        self._tell(owner, stanza)
        if item.row() != before:
            await self._rosters.save(owner, item)
        if kind == "unsubscribe" and was_heard:
            self._vanish(owner, sender)

    async def _asked(self, owner: str, sender: str, stanza: Stanza) -> None:
        if not await self._exists(owner.partition("@")[0]):
            await self._answer(sender, owner, "unsubscribed")
            return
        item = await self._rosters.item(owner, sender)
        if item is not None and item.heard:
            await self._answer(sender, owner, "subscribed")
            return
        if item is None:
            item = Item(sender, subscription=HIDDEN)
        if not item.pending_in:
            item.pending_in = True
            await self._rosters.save(owner, item, push=False)
        self._tell(owner, stanza)

    async def _answer(self, owner: str, sender: str, kind: str) -> None:
        """Answer a request in the contact's stead."""
        head = {"type": kind, "from": sender, "to": owner}
        await self._inbound(owner, sender, kind, Stanza("presence", CLIENT, head))
        if kind == "subscribed":
            await self._approved(sender, owner)

    async def _approved(self, user: str, contact: str) -> None:
        """The contact may know from now on: it sees who of the user is there, and what the user published."""
        for target in list(self._sessions(contact)):
            if target.presence is not None:
                self._show(user, target)
                await self.published(user, target)

    def _tell(self, owner: str, stanza: Stanza) -> None:
        for target in list(self._sessions(owner)):
            if target.presence is not None:
                target.deliver(stanza)

    def _vanish(self, user: str, contact: str) -> None:
        """The contact may no longer know: each resource goes for it."""
        for own in list(self._sessions(user)):
            if own.presence is not None:
                head = {"type": "unavailable", "from": own.jid, "to": contact}
                for target in self._targets(contact):
                    target.deliver(Stanza("presence", CLIENT, head))


async def _nothing(owner: str, session: Session) -> None:
    return
