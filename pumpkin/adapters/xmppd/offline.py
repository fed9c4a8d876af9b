"""Messages for who is away: kept in order until they are acknowledged (XEP-0160, XEP-0203)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime
from weakref import WeakValueDictionary

import structlog

from pumpkin.adapters.xmppd.accounts import AccountStore
from pumpkin.adapters.xmppd.faults import StanzaFault
from pumpkin.adapters.xmppd.limits import Limits
from pumpkin.adapters.xmppd.session import Session
from pumpkin.adapters.xmppd.stanza import CLIENT, Stanza

log = structlog.get_logger(__name__)
_HEAD = re.compile(r"<message\b((?:\s+[\w:.-]+=(?:\"[^\"]*\"|'[^']*'))*)\s*(?:/>|>)")
_BATCH = 200
_CHAT_STATE = b"http://jabber.org/protocol/chatstates"
_NO_STORE = b"urn:xmpp:hints"


class Offline:
    """The kept messages of all accounts. One lock an account keeps them first in, first out."""

    def __init__(
        self,
        store: AccountStore,
        domain: str,
        limits: Limits,
        receivers: Callable[[str], list[Session]],
    ) -> None:
        self._store, self._domain, self._limits = store, domain, limits
        self._receivers = receivers
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._flying: dict[str, set[int]] = {}
        self._counts: dict[str, int] = {}

    async def keep(self, bare: str, stanza: Stanza) -> None:
        """Keep a message, unless a resource came meanwhile: then it gets it. StanzaFault when the store is full."""
        async with self._lock(bare):
            receivers = self._receivers(bare)
            for session in receivers:
                session.deliver(stanza)
            if not receivers and _worth_keeping(stanza):
                await self._push(bare, stanza)

    async def reclaim(self, session: Session, leave: Callable[[], list[Stanza]]) -> None:
        """A session ends: `leave` takes it out of the way and answers what it got but did not read.

        All under the account's lock, so that these stand in the store before anything newer.
        """
        async with self._lock(session.bare):
            for stanza in leave():
                if stanza.type in ("", "chat", "normal") and _worth_keeping(stanza):
                    try:
                        await self._push(session.bare, stanza)
                    except StanzaFault:
                        log.warning("xmpp message lost, store full", account=session.bare)

    async def flush(self, session: Session) -> None:
        """Hand everything kept to a session that became available, oldest first, then let new messages through.

        The lock is held for the store only, never while a slow reader reads.
        """
        bare, last = session.bare, 0
        try:
            while not session.ended:
                async with self._lock(bare):
                    rows = await self._store.offline(bare, _BATCH, last)
                    if not rows:
                        session.flushing = False
                        break
                for number, text in rows:
                    last = number
                    flying = self._flying.setdefault(bare, set())
                    if number not in flying and not session.ended:
                        flying.add(number)
                        session.deliver(_revived(text), kept=number)
                        if session.blocked:
                            await session.flow()
            session.settle()
        finally:
            session.flushing = False

    async def drop(self, bare: str, ids: list[int]) -> None:
        """These arrived."""
        await self._store.drop_offline(ids)
        self.release(bare, ids)
        if bare in self._counts:
            self._counts[bare] -= len(ids)

    def release(self, bare: str, ids: list[int]) -> None:
        """These are no longer on their way (arrived, or the session ended)."""
        flying = self._flying.get(bare)
        if flying is not None:
            flying.difference_update(ids)
            if not flying and not self._receivers(bare):
                del self._flying[bare]

    async def _push(self, bare: str, stanza: Stanza) -> None:
        count = self._counts.get(bare)
        if count is None:
            if len(self._counts) > 10_000:
                self._counts.clear()
            count = await self._store.offline_count(bare)
        if count >= self._limits.offline:
            raise StanzaFault("resource-constraint", "Too many messages wait for this account.")
        await self._store.push_offline(bare, self._stamped(stanza).wire().decode())
        self._counts[bare] = count + 1

    def _stamped(self, stanza: Stanza) -> Stanza:
        if b"urn:xmpp:delay" in stanza.inner:
            return stanza
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        delay = f'<delay xmlns="urn:xmpp:delay" from="{self._domain}" stamp="{now}"/>'
        twin = stanza.copy()
        twin.inner += delay.encode()
        return twin

    def _lock(self, bare: str) -> asyncio.Lock:
        lock = self._locks.get(bare)
        if lock is None:
            lock = self._locks[bare] = asyncio.Lock()
        return lock


def _worth_keeping(stanza: Stanza) -> bool:
    """Not chat states alone, and nothing that forbids it (XEP-0160 section 3, XEP-0334)."""
    if _NO_STORE in stanza.inner and b"<no-store" in stanza.inner:
        return False
    return b"<body" in stanza.inner or _CHAT_STATE not in stanza.inner


def _revived(text: str) -> Stanza:
    """A kept message again; the text is the server's own serialisation."""
    head = _HEAD.match(text)
    if head is None:
        raise ValueError("not a kept message")
    stanza = Stanza("message", CLIENT, {})
    stanza.freeze(text.encode())
    return stanza
