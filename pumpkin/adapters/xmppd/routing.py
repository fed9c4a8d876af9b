"""Where a stanza goes (RFC 6120 section 10, RFC 6121 section 8)."""

from __future__ import annotations

from collections.abc import Iterable

from pumpkin.adapters.xmppd.accounts import AccountStore
from pumpkin.adapters.xmppd.addresses import Address, parse
from pumpkin.adapters.xmppd.capabilities import Capabilities
from pumpkin.adapters.xmppd.faults import StanzaFault
from pumpkin.adapters.xmppd.limits import Limits
from pumpkin.adapters.xmppd.offline import Offline
from pumpkin.adapters.xmppd.pep import Pep
from pumpkin.adapters.xmppd.presence import Presences
from pumpkin.adapters.xmppd.queries import Queries
from pumpkin.adapters.xmppd.roster import Rosters
from pumpkin.adapters.xmppd.session import Session
from pumpkin.adapters.xmppd.stanza import CLIENT, Stanza, error


class Router:
    """All bound sessions of one domain, and the way from one to another."""

    def __init__(self, domain: str, store: AccountStore, limits: Limits, queries: Queries) -> None:
        self.domain = domain
        self.limits = limits
        self._store = store
        self._sessions: dict[str, dict[str, Session]] = {}
        self._attached: dict[str, Session] = {}
        self.rosters = Rosters(store, self.sessions, limits.roster)
        self.offline = Offline(store, domain, limits, self._receivers)
        self.presences = Presences(domain, self.rosters, self.offline, self.sessions, self.exists)
        self.pep = Pep(store, self.rosters, self.sessions, limits)
        self.presences.appeared = Capabilities(domain, self.pep).appeared
        self.presences.published = self.pep.show
        self._queries = queries
        queries.serve(self)

    def sessions(self, bare: str) -> Iterable[Session]:
        """The bound resources of a bare JID."""
        user, _, domain = bare.partition("@")
        return self._sessions.get(user, {}).values() if domain == self.domain else ()

    def users(self) -> list[str]:
        """Who has a bound resource now."""
        return list(self._sessions)

    def session(self, user: str, resource: str) -> Session | None:
        """One bound resource."""
        return self._sessions.get(user, {}).get(resource)

    def is_attached(self, user: str) -> bool:
        """Whether an agent of this process answers for this account."""
        return user in self._attached

    async def exists(self, user: str) -> bool:
        """Whether somebody is or may be there: an account, or an agent of this process."""
        return user in self._sessions or await self._store.get_account(user) is not None

    async def bind(self, session: Session) -> None:
        """Add a session; one that has the same resource is replaced, the newer wins as Prosody does."""
        older = self.session(session.user, session.resource)
        if older is not None:
            await older.replace()
        own = self._sessions.setdefault(session.user, {})
        if len(own) >= self.limits.resources:
            raise StanzaFault("resource-constraint", f"An account may have {self.limits.resources} resources.")
        own[session.resource] = session

    def attach(self, session: Session) -> None:
        """Add a session of this process; IQs to its bare JID go to it."""
        self._sessions.setdefault(session.user, {})[session.resource] = session
        self._attached[session.user] = session

    async def leave(self, session: Session) -> None:
        """Remove a session and tell who saw it."""
        self.remove(session)
        await self.presences.unavailable(session)

    def remove(self, session: Session) -> None:
        """Remove a session: from now on nothing is delivered to it."""
        session.ended = True
        own = self._sessions.get(session.user, {})
        if own.get(session.resource) is session:
            del own[session.resource]
            if not own:
                del self._sessions[session.user]
        if self._attached.get(session.user) is session:
            del self._attached[session.user]

    async def take(self, session: Session, stanza: Stanza, *, sender: str = "") -> None:
        """One stanza of a bound session: stamped with its `from` (or `sender`), then routed, served or refused."""
        if stanza.namespace != CLIENT or stanza.name not in ("message", "presence", "iq"):
            raise StanzaFault("bad-request")
        stanza.stamp(from_=sender or session.jid)
        try:
            text = stanza.attributes.get("to")
            to = parse(text) if text else None
            if stanza.name == "message":
                await self._message(session, stanza, to)
            elif stanza.name == "presence":
                await self.presences.take(session, stanza, to)
            else:
                await self._iq(session, stanza, to)
        except StanzaFault as fault:
            if stanza.type not in ("error", "result"):
                session.deliver(error(stanza, fault))

    async def hand(self, sender: Session, stanza: Stanza, target: Session) -> None:
        """Deliver; a patient sender waits when the receiver is slower."""
        target.deliver(stanza)
        if target.blocked and sender.patient:
            await target.flow()

    def _receivers(self, bare: str) -> list[Session]:
        return [s for s in self.sessions(bare) if s.receives]

    async def _message(self, session: Session, stanza: Stanza, to: Address | None) -> None:
        if to is None:
            to = Address(session.user, self.domain)
        self._local(to)
        kind = stanza.type
        if to.resource:
            target = self.session(to.user, to.resource)
            if target is not None:
                await self.hand(session, stanza, target)
                return
            if kind == "groupchat":
                raise StanzaFault("service-unavailable")
            if kind in ("headline", "error"):
                return
        elif kind == "groupchat":
            raise StanzaFault("service-unavailable")
        elif kind == "error":
            return
        receivers = self._receivers(to.bare)
        for target in receivers:
            await self.hand(session, stanza, target)
        if not receivers and kind != "headline":
            if not await self.exists(to.user):
                raise StanzaFault("service-unavailable")
            await self.offline.keep(to.bare, stanza)

    async def _iq(self, session: Session, stanza: Stanza, to: Address | None) -> None:
        kind = stanza.type
        if kind not in ("get", "set", "result", "error") or not stanza.id:
            raise StanzaFault("bad-request")
        if to is None or to.bare == self.domain or (to.bare == session.bare and not to.resource):
            if kind in ("get", "set"):
                await self._queries.ask(session, stanza, to)
            elif answer := session.answers.pop(stanza.id, None):
                await answer(stanza)
            return
        self._local(to)
        if to.resource:
            target = self.session(to.user, to.resource)
        elif kind in ("get", "set") and await self._queries.for_other(session, stanza, to):
            return
        else:
            target = self._attached.get(to.user)
        if target is not None:
            await self.hand(session, stanza, target)
        elif kind in ("get", "set"):
            raise StanzaFault("service-unavailable")

    def _local(self, to: Address) -> None:
        if to.domain != self.domain:
            raise StanzaFault("remote-server-not-found", "This server keeps to its own domain.")
        if not to.user:
            raise StanzaFault("service-unavailable")
