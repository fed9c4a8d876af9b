"""Personal eventing, the smallest that serves OMEMO: nodes of items on an account (XEP-0163 on XEP-0060)."""

from __future__ import annotations

import json
import secrets
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from xml.sax.saxutils import escape

from pumpkin.adapters.xmppd.accounts import AccountStore
from pumpkin.adapters.xmppd.faults import StanzaFault
from pumpkin.adapters.xmppd.limits import Limits
from pumpkin.adapters.xmppd.roster import Rosters
from pumpkin.adapters.xmppd.session import Session
from pumpkin.adapters.xmppd.stanza import CLIENT, Stanza, quoted, result, serialise

NAMESPACE = "http://jabber.org/protocol/pubsub"
OWNER = f"{NAMESPACE}#owner"
EVENT = f"{NAMESPACE}#event"
FORM = "jabber:x:data"
_CONFIG = f"{NAMESPACE}#node_config"
_SETTINGS = ""
"""The item id under which a node's settings are kept; clients cannot choose it."""
_ACCESS = ("open", "presence", "whitelist")
_ITEMS = 1_000


@dataclass(frozen=True, slots=True)
class Settings:
    """Who may read a node, and how many items it keeps."""

    access: str = "presence"
    most: int = 1


class Pep:
    """The nodes of all accounts. Everybody reads what a node's access model allows; only the owner writes."""

    def __init__(
        self,
        store: AccountStore,
        rosters: Rosters,
        sessions: Callable[[str], Iterable[Session]],
        limits: Limits,
    ) -> None:
        self._store, self._rosters, self._sessions, self._limits = store, rosters, sessions, limits

    async def ask(self, session: Session, asked: Stanza, query: ET.Element, owner: str) -> Stanza:
        """The answer to a pubsub IQ about the account `owner` (bare JID); StanzaFault when refused."""
        children = list(query)
        if not children:
            raise StanzaFault("bad-request")
        act, node = children[0].tag, children[0].get("node", "")
        verb = act.rpartition("}")[2]
        if not node or len(node) > 1023:
            raise StanzaFault("bad-request", "A node is needed.")
        if asked.type == "get" and act == f"{{{NAMESPACE}}}items":
            return await self._items(session, asked, children[0], owner, node)
        if owner != session.bare:
            raise StanzaFault("forbidden")
        if asked.type == "get" and act == f"{{{OWNER}}}configure":
            settings = await self._known(owner, node)
            inner = f"<configure node={quoted(node)}>{_form(settings)}</configure>"
            return result(asked, f'<pubsub xmlns="{OWNER}">{inner}</pubsub>')
        if asked.type != "set":
            raise StanzaFault("feature-not-implemented")
        if verb == "publish" and query.tag == f"{{{NAMESPACE}}}pubsub":
            return await self._publish(asked, query, children[0], owner, node)
        if verb == "retract":
            return await self._retract(asked, children[0], owner, node)
        if verb == "create":
            return await self._create(asked, query, owner, node)
        if verb == "configure" and query.tag == f"{{{OWNER}}}pubsub":
            settings = await self._known(owner, node)
            await self._settle(owner, node, _wanted(children[0], settings))
            return result(asked)
        if verb in ("delete", "purge") and query.tag == f"{{{OWNER}}}pubsub":
            settings = await self._known(owner, node)
            await self._store.pep_delete(owner, node)
            if verb == "purge":
                await self._settle(owner, node, settings)
            await self._tell(owner, node, settings, f"<{verb} node={quoted(node)}/>")
            return result(asked)
        raise StanzaFault("feature-not-implemented")

    async def nodes(self, owner: str) -> list[str]:
        """The nodes of an account."""
        return await self._store.pep_nodes(owner)

    async def welcome(self, session: Session) -> None:
        """A session said which nodes it wants to hear of: it gets their last items (XEP-0163 section 4.3.4)."""
        contacts = [i.contact for i in (await self._rosters.of(session.bare)).values() if i.hears][:200]
        for owner in (session.bare, *contacts):
            await self.show(owner, session)

    async def show(self, owner: str, session: Session) -> None:
        """The last items of one owner, of the nodes the session wants to hear of."""
        for node in sorted(session.notify)[:10]:
            settings, items = await self._read(owner, node)
            if items and settings is not None and await self._may_read(session.bare, owner, settings):
                event = f"<items node={quoted(node)}>{_item(*items[-1])}</items>"
                session.deliver(_event(owner, session.jid, event))

    async def _items(self, session: Session, asked: Stanza, wanted: ET.Element, owner: str, node: str) -> Stanza:
        settings, items = await self._read(owner, node)
        if settings is None:
            raise StanzaFault("item-not-found")
        if not await self._may_read(session.bare, owner, settings):
            raise StanzaFault("not-authorized")
        ids = {i.get("id") for i in wanted}
        if ids:
            items = [(name, payload) for name, payload in items if name in ids]
        most = wanted.get("max_items", "")
        if most.isascii() and most.isdigit() and len(most) < 10:
            items = items[-int(most) :] if int(most) else []
        inner = "".join(_item(*i) for i in items)
        return result(asked, f'<pubsub xmlns="{NAMESPACE}"><items node={quoted(node)}>{inner}</items></pubsub>')

    async def _publish(self, asked: Stanza, query: ET.Element, publish: ET.Element, owner: str, node: str) -> Stanza:
        settings, items = await self._read(owner, node)
        options = query.find(f"{{{NAMESPACE}}}publish-options")
        if settings is None:
            settings = _wanted(options, Settings())
            await self._make_room(owner)
            await self._settle(owner, node, settings)
        elif options is not None and _wanted(options, settings) != settings:
            raise StanzaFault("conflict", detail=f'<precondition-not-met xmlns="{NAMESPACE}#errors"/>')
        published = []
        for item in publish:
            name = item.get("id") or ("current" if settings.most == 1 else secrets.token_hex(8))
            payload = serialise(item[0], "").strip() if len(item) else ""
            if len(name) > 1023 or len(payload) > self._limits.pep_size:
                raise StanzaFault("not-acceptable", f"An item may have {self._limits.pep_size} bytes.")
            published.append((name, payload))
        if len(published) > 1 and settings.most == 1:
            raise StanzaFault("bad-request", "One item at a time.")
        for name, payload in published:
            await self._store.pep_put(owner, node, name, payload)
        fresh = {name for name, _ in published}
        older = [name for name, _ in items if name not in fresh]
        for name in older[: max(0, len(older) + len(published) - settings.most)]:
            await self._store.pep_delete(owner, node, name)
        event = "".join(_item(*i) for i in published)
        await self._tell(owner, node, settings, f"<items node={quoted(node)}>{event}</items>")
        named = "".join(f"<item id={quoted(name)}/>" for name, _ in published)
        return result(asked, f'<pubsub xmlns="{NAMESPACE}"><publish node={quoted(node)}>{named}</publish></pubsub>')

    async def _retract(self, asked: Stanza, retract: ET.Element, owner: str, node: str) -> Stanza:
        settings, items = await self._read(owner, node)
        wanted = [i.get("id", "") for i in retract]
        if settings is None or not wanted or not set(wanted) <= {name for name, _ in items}:
            raise StanzaFault("item-not-found")
        for name in wanted:
            await self._store.pep_delete(owner, node, name)
        if retract.get("notify") in ("1", "true"):
            gone = "".join(f"<retract id={quoted(name)}/>" for name in wanted)
            await self._tell(owner, node, settings, f"<items node={quoted(node)}>{gone}</items>")
        return result(asked)

    async def _create(self, asked: Stanza, query: ET.Element, owner: str, node: str) -> Stanza:
        settings, _ = await self._read(owner, node)
        if settings is not None:
            raise StanzaFault("conflict", "The node exists.")
        await self._make_room(owner)
        configure = query.find(f"{{{NAMESPACE}}}configure")
        await self._settle(owner, node, _wanted(configure, Settings()))
        return result(asked)

    async def _make_room(self, owner: str) -> None:
        if len(await self._store.pep_nodes(owner)) >= self._limits.pep_nodes:
            raise StanzaFault("resource-constraint", f"An account may have {self._limits.pep_nodes} nodes.")

    async def _read(self, owner: str, node: str) -> tuple[Settings | None, list[tuple[str, str]]]:
        rows = await self._store.pep_get(owner, node)
        settings = next((Settings(**json.loads(payload)) for name, payload in rows if name == _SETTINGS), None)
        return settings, [(name, payload) for name, payload in rows if name != _SETTINGS]

    async def _known(self, owner: str, node: str) -> Settings:
        settings, _ = await self._read(owner, node)
        if settings is None:
            raise StanzaFault("item-not-found")
        return settings

    async def _settle(self, owner: str, node: str, settings: Settings) -> None:
        await self._store.pep_put(owner, node, _SETTINGS, json.dumps(asdict(settings)))

    async def _may_read(self, reader: str, owner: str, settings: Settings) -> bool:
        if reader == owner or settings.access == "open":
            return True
        item = await self._rosters.item(owner, reader)
        return settings.access == "presence" and item is not None and item.heard

    async def _tell(self, owner: str, node: str, settings: Settings, event: str) -> None:
        readers = [owner]
        if settings.access != "whitelist":
            readers += [i.contact for i in (await self._rosters.of(owner)).values() if i.heard]
        for reader in readers:
            for session in list(self._sessions(reader)):
                if session.presence is not None and node in session.notify:
                    session.deliver(_event(owner, session.jid, event))


def _event(owner: str, to: str, inner: str) -> Stanza:
    head = {"type": "headline", "from": owner, "to": to}
    return Stanza("message", CLIENT, head, f'<event xmlns="{EVENT}">{inner}</event>'.encode())


def _item(name: str, payload: str) -> str:
    return f"<item id={quoted(name)}>{payload}</item>" if payload else f"<item id={quoted(name)}/>"


def _wanted(holder: ET.Element | None, settings: Settings) -> Settings:
    """The settings a form asks for, on top of `settings`; StanzaFault for an access model we do not have."""
    made = settings
    form = holder.find(f"{{{FORM}}}x") if holder is not None else None
    for field in form if form is not None else ():
        value = field.findtext(f"{{{FORM}}}value") or ""
        if field.get("var") == "pubsub#access_model":
            if value not in _ACCESS:
                raise StanzaFault("not-acceptable", f"Access models: {', '.join(_ACCESS)}.")
            made = replace(made, access=value)
        elif field.get("var") == "pubsub#max_items":
            number = value.isascii() and value.isdigit() and len(value) < 10
            made = replace(made, most=max(1, min(_ITEMS, int(value))) if number else _ITEMS)
    return made


def _form(settings: Settings) -> str:
    access = "".join(f"<option><value>{name}</value></option>" for name in _ACCESS)
    return (
        f'<x xmlns="{FORM}" type="form"><field var="FORM_TYPE" type="hidden"><value>{_CONFIG}</value></field>'
        f'<field var="pubsub#access_model" type="list-single"><value>{escape(settings.access)}</value>{access}'
        f'</field><field var="pubsub#max_items" type="text-single"><value>{settings.most}</value></field></x>'
    )
