"""What the server itself answers to IQs."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import TYPE_CHECKING

from pumpkin.adapters.xmppd import disco, pep, roster
from pumpkin.adapters.xmppd.accounts import AccountStore
from pumpkin.adapters.xmppd.addresses import Address
from pumpkin.adapters.xmppd.faults import StanzaFault
from pumpkin.adapters.xmppd.registration import NAMESPACE as REGISTER
from pumpkin.adapters.xmppd.registration import Registrar
from pumpkin.adapters.xmppd.session import Session
from pumpkin.adapters.xmppd.stanza import Stanza, result

if TYPE_CHECKING:
    from pumpkin.adapters.xmppd.routing import Router

PING = "urn:xmpp:ping"
SESSION = "urn:ietf:params:xml:ns:xmpp-session"
VERSION = "jabber:iq:version"

# What the server answers in an account's stead; a cheap look before the stanza is read.
_STAND_IN = (pep.NAMESPACE.encode(), disco.INFO.encode())

Answer = Callable[[Session, Stanza, ET.Element], Awaitable[Stanza]]


class Queries:
    """Answers IQs to the server, to the asker's own account, and for accounts in their stead."""

    def __init__(self, store: AccountStore, registrar: Registrar) -> None:
        self._store, self._registrar = store, registrar

    def serve(self, router: Router) -> None:
        """Answer for this router from now on."""
        self._router = router
        self._answers: dict[str, Answer] = {
            roster.NAMESPACE: self._roster,
            PING: self._nothing,
            SESSION: self._nothing,
            VERSION: self._version,
            REGISTER: self._register,
            disco.INFO: self._info,
            disco.ITEMS: self._items,
            pep.NAMESPACE: self._pubsub,
            pep.OWNER: self._pubsub,
        }

    async def ask(self, session: Session, asked: Stanza, to: Address | None) -> None:
        """A get or set to nobody, to the server, or to the asker's own account."""
        child = asked.child()
        if child is None:
            raise StanzaFault("bad-request")
        answer = self._answers.get(_namespace(child))
        if answer is None:
            raise StanzaFault("service-unavailable")
        session.deliver(await answer(session, asked, child))

    async def for_other(self, session: Session, asked: Stanza, to: Address) -> bool:
        """A get or set to somebody else's account; False when the server does not answer in its stead."""
        if not any(name in asked.inner for name in _STAND_IN):
            return False
        child = asked.child()
        namespace = _namespace(child) if child is not None else ""
        if child is not None and namespace in (pep.NAMESPACE, pep.OWNER):
            session.deliver(await self._router.pep.ask(session, asked, child, to.bare))
            return True
        if child is None or namespace != disco.INFO or self._router.is_attached(to.user):
            return False
        item = await self._router.rosters.item(to.bare, session.bare)
        if item is None or not item.heard:
            return False
        session.deliver(disco.info(asked, child, account=True))
        return True

    async def _nothing(self, session: Session, asked: Stanza, child: ET.Element) -> Stanza:
        return result(asked)

    async def _version(self, session: Session, asked: Stanza, child: ET.Element) -> Stanza:
        inner = f"<name>Pumpkin</name><version>{version('pumpkin')}</version>"
        return result(asked, f'<query xmlns="{VERSION}">{inner}</query>')

    async def _roster(self, session: Session, asked: Stanza, child: ET.Element) -> Stanza:
        answer, removed = await self._router.rosters.query(session, asked, child)
        if removed is not None:
            await self._router.presences.removed(session.bare, removed)
        return answer

    async def _register(self, session: Session, asked: Stanza, child: ET.Element) -> Stanza:
        return await self._registrar.change(session.user, asked, child)

    async def _info(self, session: Session, asked: Stanza, child: ET.Element) -> Stanza:
        return disco.info(asked, child, account=asked.attributes.get("to") != self._router.domain)

    async def _items(self, session: Session, asked: Stanza, child: ET.Element) -> Stanza:
        account = asked.attributes.get("to") != self._router.domain
        nodes = await self._router.pep.nodes(session.bare) if account else []
        return disco.items(asked, child, session.bare, nodes)

    async def _pubsub(self, session: Session, asked: Stanza, child: ET.Element) -> Stanza:
        if asked.attributes.get("to") == self._router.domain:
            raise StanzaFault("service-unavailable")
        return await self._router.pep.ask(session, asked, child, session.bare)


def _namespace(element: ET.Element) -> str:
    return element.tag[1:].partition("}")[0] if element.tag.startswith("{") else ""
