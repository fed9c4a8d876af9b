"""Sessions of agents that live in this process: no socket, the same rights and duties."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET
from collections import OrderedDict, deque
from collections.abc import Callable

import structlog

from pumpkin.adapters.xmppd.limits import Limits
from pumpkin.adapters.xmppd.routing import Router
from pumpkin.adapters.xmppd.session import Session
from pumpkin.adapters.xmppd.stanza import Stanza, from_element
from pumpkin.adapters.xmppd.stream import parse_one

log = structlog.get_logger(__name__)
Handler = Callable[[ET.Element], None]
_PEERS = 10_000


class LocalSession(Session):
    """An attached agent. `handler(stanza)` is called on the loop with each stanza as a tree; it must not block.

    The answer to an IQ goes out from the JID that was asked.
    An agent with aliases answers under each of them: a stanza sent without `from` goes out in the name its receiver
    last used, a presence for everybody in all names. `hold` makes senders wait, `release` lets them go on.
    """

    patient = False

    def __init__(
        self, user: str, router: Router, resource: str, handler: Handler, aliases: tuple[str, ...] = ()
    ) -> None:
        super().__init__(user, router.domain, resource)
        self._router, self._handler = router, handler
        self._limits: Limits = router.limits
        self._outbox: deque[tuple[Session, Stanza]] = deque()
        self._wake = asyncio.Event()
        self._flow = asyncio.Event()
        self._flow.set()
        self._peers: OrderedDict[str, Session] = OrderedDict()
        self._asked: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._names: dict[str, Session] = {self.bare: self}
        for alias in aliases:
            session = _Alias(alias, router.domain, resource, self)
            self._names[session.bare] = session
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Take part from now on."""
        for session in self._names.values():
            self._router.attach(session)
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Hand out what was sent, go unavailable, leave."""
        if self._task is not None and not self.ended:
            self._closing = True
            self._wake.set()
            await asyncio.wait([self._task], timeout=10)
            self._task.cancel()
            self.release()
            for session in self._names.values():
                await self._router.leave(session)

    def send(self, stanza: str | ET.Element) -> None:
        """Send one stanza, in order, without waiting. A `from` may name this agent or an alias; others are replaced."""
        parsed = parse_one(stanza, self._limits) if isinstance(stanza, str) else from_element(stanza)
        for sender in self._senders(parsed):
            self._outbox.append((sender, parsed if sender is self else parsed.copy()))
        self._wake.set()

    @property
    def blocked(self) -> bool:
        return not self._flow.is_set()

    async def flow(self) -> None:
        await self._flow.wait()

    def hold(self) -> None:
        """Let senders wait: there is more than can be taken in."""
        self._flow.clear()

    def release(self) -> None:
        """Let senders go on."""
        self._flow.set()

    def deliver(self, stanza: Stanza, *, kept: int | None = None) -> None:
        self.heard(self, stanza, kept)

    def heard(self, name: Session, stanza: Stanza, kept: int | None) -> None:
        """A stanza for one of the names."""
        element = stanza.element()
        sender = element.get("from")
        if sender:
            self._peers[sender] = name
            self._peers.move_to_end(sender)
            if len(self._peers) > _PEERS:
                self._peers.popitem(last=False)
            if element.get("type") in ("get", "set"):
                self._asked[sender, element.get("id", "")] = element.get("to") or name.bare
                if len(self._asked) > _PEERS:
                    self._asked.popitem(last=False)
        try:
            self._handler(element)
        except Exception:
            log.exception("attached agent failed on a stanza", agent=name.bare, sender=sender)
            return
        if kept is not None:
            self._outbox.append((name, _drop(kept)))
            self._wake.set()

    async def replace(self) -> None:
        """An agent of this process keeps its resource: the newcomer gets none of its stanzas."""
        return

    def _senders(self, stanza: Stanza) -> list[Session]:
        named = self._names.get(stanza.attributes.get("from", "").partition("/")[0])
        if named is not None:
            return [named]
        to = stanza.attributes.get("to")
        if to is None:
            return list(self._names.values()) if stanza.name == "presence" else [self]
        known = self._peers.get(to)
        if known is None and "/" not in to:
            known = next((s for jid, s in reversed(self._peers.items()) if jid.partition("/")[0] == to), None)
        return [known or self]

    def _asked_as(self, stanza: Stanza) -> str:
        if stanza.name != "iq" or stanza.type not in ("result", "error"):
            return ""
        return self._asked.pop((stanza.attributes.get("to", ""), stanza.id), "")

    async def _run(self) -> None:
        while True:
            while self._outbox:
                name, stanza = self._outbox.popleft()
                try:
                    if stanza.name == "":
                        await self._router.offline.drop(name.bare, [int(stanza.id)])
                    else:
                        await self._router.take(name, stanza, sender=self._asked_as(stanza))
                except Exception:
                    log.exception("stanza of an attached agent failed", agent=name.bare)
            if self._closing:
                return
            self._wake.clear()
            await self._wake.wait()


class _Alias(Session):
    """Another name of an attached agent."""

    patient = False

    def __init__(self, user: str, domain: str, resource: str, owner: LocalSession) -> None:
        super().__init__(user, domain, resource)
        self._owner = owner

    @property
    def blocked(self) -> bool:
        return self._owner.blocked

    async def flow(self) -> None:
        await self._owner.flow()

    def deliver(self, stanza: Stanza, *, kept: int | None = None) -> None:
        self._owner.heard(self, stanza, kept)

    async def replace(self) -> None:
        return


def _drop(kept: int) -> Stanza:
    return Stanza("", "", {"id": str(kept)})
