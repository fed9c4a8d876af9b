"""A peer over a socket, from its first byte to its bound resource and to its end."""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from collections import deque
from dataclasses import dataclass

import structlog

from pumpkin.adapters.xmppd import acks, sasl
from pumpkin.adapters.xmppd.accounts import AccountStore
from pumpkin.adapters.xmppd.addresses import parse, prepare_resource
from pumpkin.adapters.xmppd.connection import Connection, stream_header
from pumpkin.adapters.xmppd.faults import StanzaFault, StreamFault
from pumpkin.adapters.xmppd.limits import Guesses, Limits
from pumpkin.adapters.xmppd.registration import Registrar
from pumpkin.adapters.xmppd.routing import Router
from pumpkin.adapters.xmppd.session import Session
from pumpkin.adapters.xmppd.stanza import CLIENT, Stanza, error, result

log = structlog.get_logger(__name__)
BIND = "urn:ietf:params:xml:ns:xmpp-bind"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
TLS = "urn:ietf:params:xml:ns:xmpp-tls"


@dataclass(frozen=True, slots=True)
class House:
    """What every peer shares."""

    domain: str
    store: AccountStore
    router: Router
    registrar: Registrar
    limits: Limits
    guesses: Guesses
    binding: bytes


class Peer:
    """The owner of one connection: negotiates (RFC 6120 sections 5 to 7), then hands over to its session."""

    def __init__(self, house: House, connection: Connection) -> None:
        self._house, self._connection = house, connection
        self._exchange: sasl.Scram | sasl.Plain | None = None
        self._user = ""
        self._failures = 0
        self._open = False
        self._session: ClientSession | None = None

    async def opened(self, attributes: dict[str, str]) -> None:
        house, connection = self._house, self._connection
        connection.header(stream_header(house.domain, secrets.token_hex(8)))
        to = attributes.get("to", house.domain)
        try:
            known = parse(to).domain == house.domain
        except StanzaFault:
            known = False
        if not known:
            raise StreamFault("host-unknown", f"This server is {house.domain}.")
        if not attributes.get("version", "").startswith("1."):
            raise StreamFault("unsupported-version")
        self._open = True
        connection.send(f"<stream:features>{self._features()}</stream:features>".encode())

    async def take(self, stanza: Stanza) -> None:
        if not self._open:
            raise StreamFault("not-authorized")
        if self._session is not None:
            await self._session.take(stanza)
        elif stanza.namespace == TLS and stanza.name == "starttls":
            self._start_tls()
        elif not self._connection.encrypted:
            raise StreamFault("policy-violation", "TLS first.")
        elif self._user:
            await self._bind(stanza)
        elif stanza.namespace == SASL:
            await self._authenticate(stanza)
        elif stanza.name == "iq" and stanza.namespace == CLIENT:
            await self._register(stanza)
        else:
            raise StreamFault("not-authorized")

    def written(self) -> None:
        """Nothing is unwritten."""
        if self._session is not None:
            self._session.written()

    async def gone(self) -> None:
        if self._session is not None:
            await self._session.end()

    def poke(self) -> None:
        """It was silent for long: ask for a sign of life."""
        if self._session is not None:
            self._session.poke()

    def _features(self) -> str:
        if not self._connection.encrypted:
            return f'<starttls xmlns="{TLS}"><required/></starttls>'
        if self._user:
            session = '<session xmlns="urn:ietf:params:xml:ns:xmpp-session"><optional/></session>'
            return f'<bind xmlns="{BIND}"/>{session}<sm xmlns="{acks.NAMESPACE}"/>'
        names = "".join(f"<mechanism>{name}</mechanism>" for name in sasl.MECHANISMS)
        binding = (
            f'<sasl-channel-binding xmlns="urn:xmpp:sasl-cb:0"><channel-binding type="{sasl.BINDING}"/>'
            "</sasl-channel-binding>"
        )
        register = '<register xmlns="http://jabber.org/features/iq-register"/>'
        return f'<mechanisms xmlns="{SASL}">{names}</mechanisms>{binding}{register}'

    def _start_tls(self) -> None:
        if self._connection.encrypted:
            raise StreamFault("policy-violation", "TLS stands already.")
        self._open = False
        self._connection.upgrade()

    async def _register(self, asked: Stanza) -> None:
        try:
            answer = await self._house.registrar.before_login(asked, self._connection.address)
        except StanzaFault as fault:
            answer = error(asked, fault)
        self._connection.send(answer.wire())

    async def _authenticate(self, stanza: Stanza) -> None:
        try:
            if stanza.name == "abort":
                raise sasl.SaslFault("aborted")
            await self._step(stanza)
        except sasl.SaslFault as fault:
            self._exchange = None
            self._failures += 1
            if fault.guess:
                self._house.guesses.failed(self._connection.address, fault.username)
                log.warning("xmpp authentication failed", account=fault.username, address=self._connection.address)
            self._connection.send(f'<failure xmlns="{SASL}"><{fault.condition}/></failure>'.encode())
            if self._failures >= self._house.limits.attempts:
                raise StreamFault("policy-violation", "Too many failed authentications.") from fault

    async def _step(self, stanza: Stanza) -> None:
        house = self._house
        if stanza.name == "auth":
            self._exchange = sasl.start(
                stanza.attributes.get("mechanism", ""), house.store, house.binding, self._may_try
            )
        elif stanza.name != "response":
            raise sasl.SaslFault("malformed-request")
        if self._exchange is None:
            raise sasl.SaslFault("malformed-request")
        data = stanza.inner.strip()
        if stanza.name == "auth" and not data:
            self._connection.send(f'<challenge xmlns="{SASL}"/>'.encode())
            return
        try:
            plain = b"" if data == b"=" else b64decode(data, validate=True)
        except ValueError as failure:
            raise sasl.SaslFault("incorrect-encoding") from failure
        answer = await self._exchange.step(plain)
        if answer is not None:
            self._connection.send(f'<challenge xmlns="{SASL}">{b64encode(answer).decode()}</challenge>'.encode())
            return
        if house.router.is_attached(self._exchange.username):
            # An agent of this process has no second self outside.
            raise sasl.SaslFault("not-authorized")
        self._user = self._exchange.username
        last = b64encode(self._exchange.last).decode()
        self._connection.send(f'<success xmlns="{SASL}">{last}</success>'.encode())
        self._exchange, self._open = None, False
        self._connection.restart()

    def _may_try(self, username: str) -> bool:
        return not self._house.guesses.exhausted(self._connection.address, username)

    async def _bind(self, asked: Stanza) -> None:
        child = asked.child() if asked.name == "iq" and asked.type == "set" and asked.id else None
        if child is None or child.tag != f"{{{BIND}}}bind":
            if asked.name == "iq" and asked.namespace == CLIENT and b"xmpp-bind" not in asked.inner:
                self._connection.send(error(asked, StanzaFault("not-authorized")).wire())
                return
            raise StreamFault("not-authorized", "Bind a resource first.")
        try:
            wanted = child.findtext(f"{{{BIND}}}resource") or ""
            resource = prepare_resource(wanted) if wanted else secrets.token_hex(8)
            session = ClientSession(self._user, self._house, resource, self._connection)
            await self._house.router.bind(session)
        except StanzaFault as fault:
            self._connection.send(error(asked, fault).wire())
            return
        self._session = session
        self._connection.bound()
        jid = session.jid.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        self._connection.send(result(asked, f'<bind xmlns="{BIND}"><jid>{jid}</jid></bind>').wire())


class ClientSession(Session):
    """A bound resource behind a socket."""

    def __init__(self, user: str, house: House, resource: str, connection: Connection) -> None:
        super().__init__(user, house.domain, resource)
        self._house, self.connection = house, connection
        self._acks: acks.Acknowledgements | None = None
        self._asked = False
        self._kept: list[int] = []
        self._unproven: list[int] = []
        self._unread: deque[Stanza] = deque()
        self._leaving = False
        self._pings = 0

    async def take(self, stanza: Stanza) -> None:
        """One stanza, or one element of XEP-0198."""
        if stanza.namespace == CLIENT and stanza.name in ("message", "presence", "iq"):
            await self._house.router.take(self, stanza)
            if self._acks is not None:
                self._acks.took()
        elif stanza.namespace == acks.NAMESPACE:
            await self._count(stanza)
        else:
            raise StreamFault("unsupported-stanza-type")

    def deliver(self, stanza: Stanza, *, kept: int | None = None) -> None:
        self.connection.send(stanza.wire())
        if self._acks is not None:
            if not self._acks.sent(stanza, kept):
                self.connection.cut("acknowledges nothing")
            if not self._asked:
                self._asked = True
                self.connection.send(f'<r xmlns="{acks.NAMESPACE}"/>'.encode())
        elif kept is not None:
            self._kept.append(kept)
        elif stanza.name == "message":
            self._unread.append(stanza)

    def settle(self) -> None:
        # Without XEP-0198 the answer to a ping proves that what was written before it was read.
        if self._kept and not self.ended:
            ids, self._kept = self._kept, []
            self.ping(ids)

    def ping(self, ids: list[int] | None = None) -> None:
        """Ask for a sign of life; the kept messages `ids` are dropped when it comes."""
        self._pings += 1
        name = f"ping{self._pings}"
        self._unproven = [*self._unproven, *(ids or [])]

        async def answered(_: Stanza) -> None:
            if ids:
                gone = set(ids)
                self._unproven = [i for i in self._unproven if i not in gone]
                await self._house.router.offline.drop(self.bare, ids)

        self.answers[name] = answered
        head = {"type": "get", "id": name, "from": self._house.domain, "to": self.jid}
        self.deliver(Stanza("iq", CLIENT, head, b'<ping xmlns="urn:xmpp:ping"/>'))

    def poke(self) -> None:
        """Ping unless a ping is out already."""
        if not self.answers:
            self.ping()

    @property
    def blocked(self) -> bool:
        return self.connection.blocked

    async def flow(self) -> None:
        await self.connection.flow()

    async def replace(self) -> None:
        self.connection.fail(StreamFault("conflict", "The resource was bound anew."))
        await self.end()

    async def end(self) -> None:
        """Leave; what was not read waits for the next session."""
        if not self._leaving:
            self._leaving = True
            await self._house.router.offline.reclaim(self, self._take_back)
            await self._house.router.presences.unavailable(self)

    def written(self) -> None:
        """Everything delivered is with the operating system."""
        self._unread.clear()

    def _take_back(self) -> list[Stanza]:
        router = self._house.router
        router.remove(self)
        unread, flying = list(self._unread), [*self._kept, *self._unproven]
        if self._acks is not None:
            unread, more = self._acks.unconfirmed()
            flying += more
        router.offline.release(self.bare, flying)
        return unread

    async def _count(self, stanza: Stanza) -> None:
        if stanza.name == "enable":
            if self._acks is not None:
                raise StreamFault("policy-violation", "Acknowledgements are enabled already.")
            limits = self._house.limits
            self._acks = acks.Acknowledgements(limits.unacknowledged, limits.held)
            self.connection.send(f'<enabled xmlns="{acks.NAMESPACE}"/>'.encode())
        elif stanza.name == "resume":
            failed = '<item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>'
            self.connection.send(f'<failed xmlns="{acks.NAMESPACE}">{failed}</failed>'.encode())
        elif self._acks is None:
            raise StreamFault("policy-violation", "Acknowledgements are not enabled.")
        elif stanza.name == "r":
            self.connection.send(f'<a xmlns="{acks.NAMESPACE}" h="{self._acks.handled}"/>'.encode())
        elif stanza.name == "a":
            self._asked = False
            if kept := self._acks.confirm(stanza.attributes.get("h", "")):
                await self._house.router.offline.drop(self.bare, kept)
