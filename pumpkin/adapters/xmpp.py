"""One XMPP connection of our own by slixmpp, kept alive: verified TLS, SASL, bind; reconnecting with back-off.

slixmpp negotiates; from the bound session on, stanzas go to `adapters.session` as plain elements. Each attempt is a new
slixmpp client on one shared TLS context (a context a client is most of a SPADE agent's memory).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast
from uuid import uuid4
from xml.etree.ElementTree import Element, SubElement

import structlog
from slixmpp import ClientXMPP
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.xmlstream import tostring
from slixmpp.xmlstream.stanzabase import StanzaBase

from pumpkin.adapters import stanzas
from pumpkin.adapters.session import Session
from pumpkin.adapters.stanzas import CLIENT, name
from pumpkin.errors import PumpkinError, StartError, Unavailable

log = structlog.get_logger("pumpkin.xmpp")

NEGOTIATION_S = 20.0
PING_EVERY_S = 60.0
PING_ANSWER_S = 20.0
LONGEST_PAUSE_S = 60.0
BUFFER_LIMIT = 32 * 1024 * 1024


class Refused(Unavailable):
    """The XMPP server refuses this account or password."""


def tls_context(ca: Path | str | None = None) -> ssl.SSLContext:
    """A verifying client context: the system's authorities, or only those in `ca`, a file's path or the PEM itself
    (StartError: unreadable)."""
    inline = str(ca) if str(ca).startswith("-----BEGIN") else None
    file = str(ca) if ca and inline is None else None
    try:
        context = ssl.create_default_context(cafile=file, cadata=inline)
    except (OSError, ssl.SSLError) as error:
        raise StartError(f"The certificates in {ca} cannot be read: {error}.") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is, and by whose certificates it is known; no host is the JID's domain's."""

    host: str | None
    port: int | None
    context: ssl.SSLContext


class XmppSession(Session):
    """A connection for the account `jid`, held from `start` to `stop`.

    `host` and `port` default to the JID's domain by SRV; `direct_tls` for TLS from the first byte (XEP-0368). The
    certificate must be the JID's domain's. `locate`, asked before each attempt, may give another place (`Place`).
    With `token`, an invitation, the account is made by XEP-0077 first; one that exists already is as good.
    `on_ready` is called at each bound session, before anything else is sent; `on_lost` when one ends.
    """

    def __init__(
        self,
        jid: str,
        password: str,
        *,
        host: str | None = None,
        port: int | None = None,
        context: ssl.SSLContext | None = None,
        direct_tls: bool = False,
        program: str = "Pumpkin",
        version: str = "",
        token: str | None = None,
        locate: Callable[[], Place | None] = lambda: None,
    ) -> None:
        super().__init__(program, version)
        self._locate = locate
        self._token = token
        self._account = jid if "/" in jid else f"{jid}/pumpkin-{uuid4().hex[:8]}"
        self._password = password
        self._place = Place(host, port, context or tls_context())
        self._direct_tls = direct_tls
        self._client: Client | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self.trouble: str | None = "not connected yet"
        self.failures = 0
        """Attempts in a row that gave no session; `refused` when the server does not take this account or password."""
        self.refused = False
        self.peer = ""
        """Where the last attempt went: an address, or the domain."""

    @property
    def bare(self) -> str:
        """The account's bare JID."""
        return self._account.partition("/")[0]

    @property
    def connected(self) -> bool:
        return self._ready.is_set()

    def start(self) -> None:
        """Begin to connect, and keep at it until `stop`."""
        if self._keeper is None:
            self._keeper = asyncio.get_running_loop().create_task(self._keep(), name=f"xmpp {self.bare}")

    async def wait_connected(self, timeout_s: float = NEGOTIATION_S) -> None:
        """Until the session is bound; Unavailable with the last trouble when that takes too long."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._ready.wait()
        except TimeoutError:
            raise Unavailable(f"No XMPP session for {self.bare}: {self.trouble}.") from None

    async def stop(self) -> None:
        """Say unavailable, send what was written, close the stream."""
        if self._client is not None and self.connected:
            with contextlib.suppress(PumpkinError):
                self.send(stanzas.presence("unavailable"))
        await self.settle()
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
            self._keeper = None

    def send(self, stanza: Element) -> None:
        client = self._client
        if client is None or not self._ready.is_set():
            raise Unavailable(f"No XMPP session for {self.bare}: {self.trouble}.")
        client.write(tostring(stanza, xmlns=CLIENT))

    # -- keeping the connection

    async def _keep(self) -> None:
        pause_s = 0.5
        while True:
            began = asyncio.get_running_loop().time()
            place = self._locate() or self._place
            client = self._client_for(place)
            self.peer = place.host or self.bare.partition("@")[2]
            try:
                await client.negotiate(place.host, place.port, self._direct_tls)
                await self._stay(client)
                self.trouble = "the connection was lost"
            except PumpkinError as error:
                self.trouble = error.message.rstrip(".")
                self.failures, self.refused = self.failures + 1, isinstance(error, Refused)
                pause_s = max(pause_s, 5.0) if isinstance(error, Refused) else pause_s
            finally:
                self._let_go()
                await client.end()
            log.warning("xmpp session lost", account=self.bare, reason=self.trouble)
            if asyncio.get_running_loop().time() - began > 60:
                pause_s = 0.5
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def _client_for(self, place: Place) -> Client:
        """What negotiates the next connection."""
        return _Client(self._account, self._password, place.context, self._route, self._token)

    async def _stay(self, client: Client) -> None:
        """From the bound session to its end; a server that answers no ping is as good as gone."""
        self._client, self.jid = client, client.boundjid.full
        self.trouble, self.failures, self.refused = None, 0, False
        self._ready.set()
        log.info("xmpp session", jid=self.jid)
        self._tell(self.on_ready)
        domain = self.bare.partition("@")[2]
        while not client.gone.is_set():
            try:
                async with asyncio.timeout(PING_EVERY_S):
                    await client.gone.wait()
            except TimeoutError:
                try:
                    ping = stanzas.iq("get", domain, None, Element(name("ping", stanzas.PING)))
                    await self.request(ping, timeout_s=PING_ANSWER_S)
                except stanzas.StanzaError:
                    continue  # an answer, if an unfriendly one
                except Unavailable:
                    return

    def _let_go(self) -> None:
        was = self._ready.is_set()
        self._ready.clear()
        self._client = None
        self._lost(f"The XMPP session of {self.bare} was lost.")
        if was:
            self._tell(self.on_lost)

    def _route(self, stanza: StanzaBase) -> StanzaBase | None:
        """Take what is ours; leave to slixmpp its negotiation and the roster pushes it answers."""
        if not self._ready.is_set() or stanza.xml.tag not in _OURS:
            return stanza
        xml: Element = stanza.xml
        if xml.tag == name("iq") and not self.expects(xml):
            payload = next(iter(xml), None)
            if xml.get("type") in ("result", "error") or (
                payload is not None and payload.tag.startswith("{jabber:iq:roster}")
            ):
                return stanza
        self.take(xml)
        return None


_OURS = frozenset({name("iq"), name("message"), name("presence")})


class Client(Protocol):
    """What carries one connection: slixmpp's client, or its component."""

    boundjid: Any
    gone: asyncio.Event

    async def negotiate(self, host: str | None, port: int | None, direct_tls: bool) -> None: ...

    def write(self, text: str) -> None: ...

    async def end(self) -> None: ...


class Line:
    """The waiting, writing and ending that slixmpp's client and component share; mixed into either."""

    def prepare(self, route: Callable[[StanzaBase], StanzaBase | None]) -> None:
        """Set up the two events to wait for: bound, and gone."""
        stream: Any = self
        self.gone = asyncio.Event()
        self._bound: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        stream.add_filter("in", route)
        stream.add_event_handler("session_start", lambda _: self.decide(None))
        stream.add_event_handler("connection_failed", lambda error: self.decide(Unavailable(f"{error}")))
        stream.add_event_handler("disconnected", lambda reason: self._disconnected(reason))

    async def negotiated(self, attempt: Any) -> None:
        """Until the session is bound; Refused or Unavailable when that fails."""
        try:
            async with asyncio.timeout(NEGOTIATION_S):
                await asyncio.wait([self._bound, attempt], return_when=asyncio.FIRST_EXCEPTION)
                await self._bound
        except TimeoutError:
            raise Unavailable("the server does not finish the negotiation") from None

    def write(self, text: str) -> None:
        """Send text of one stanza; Unavailable when the connection is gone or the peer reads too slowly."""
        transport: Any = cast("Any", self).transport
        if transport is None or transport.is_closing():
            raise Unavailable("The XMPP connection is gone.")
        if transport.get_write_buffer_size() > BUFFER_LIMIT:
            raise Unavailable("The XMPP server reads too slowly.")
        transport.write(text.encode())

    async def end(self) -> None:
        """Close the stream and release everything."""
        stream: Any = self
        self.decide(Unavailable("ended"))
        stream.cancel_connection_attempt()
        if stream.transport is not None:
            with contextlib.suppress(Exception):
                stream.send_raw(stream.stream_footer)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2.0):
                    await self.gone.wait()
            stream.abort()
        runner = stream._run_out_filters
        if runner is not None:
            runner.cancel()
            await asyncio.wait([runner])

    def decide(self, error: PumpkinError | None) -> None:
        """The negotiation ended, well or not; the first word counts."""
        if self._bound.done():
            return
        if error is None:
            self._bound.set_result(None)
        else:
            self._bound.set_exception(error)
            self._bound.exception()  # looked at: nobody may be waiting any more

    def _disconnected(self, reason: Any) -> None:
        self.gone.set()
        cast("Any", self).cancel_connection_attempt()
        self.decide(Unavailable(f"disconnected{f': {reason}' if reason else ''}"))


class _Client(Line, ClientXMPP):
    """slixmpp's client with our TLS context and no automatic anything."""

    def __init__(
        self,
        jid: str,
        password: str,
        context: ssl.SSLContext,
        route: Callable[[StanzaBase], StanzaBase | None],
        token: str | None = None,
    ) -> None:
        super().__init__(
            jid, password, ssl_context=context, plugin_config={"feature_mechanisms": {"unencrypted_plain": False}}
        )
        self.auto_authorize = None
        self.auto_subscribe = False
        self.whitespace_keepalive = False
        self.enable_plaintext = False
        self.prepare(route)
        self.add_event_handler("failed_all_auth", lambda _: self.decide(Refused()))
        self.add_event_handler("ssl_invalid_chain", lambda error: self.decide(Unavailable(f"TLS: {error}")))
        if token is not None:
            self._token = token
            self.register_plugin("xep_0077", {"force_registration": True})
            self.add_event_handler("register", self._register)

    async def negotiate(self, host: str | None, port: int | None, direct_tls: bool) -> None:
        """Connect up to the bound session; Refused or Unavailable when that fails."""
        self.enable_direct_tls, self.enable_starttls = direct_tls, not direct_tls
        attempt = self.connect(host, port or (5223 if direct_tls else 5222)) if host else self.connect()
        await self.negotiated(attempt)

    async def _register(self, _: Any) -> None:
        asked: Any = self.Iq()
        asked["type"] = "set"
        asked["register"]["username"] = self.boundjid.user
        asked["register"]["password"] = self.password
        SubElement(asked["register"].xml, name("token", "jabber:iq:register")).text = self._token
        try:
            await asked.send(timeout=NEGOTIATION_S)
        except IqError as error:
            if error.condition != "conflict":
                text = str(error.text or error.condition)
                self.decide(Refused(f"The server makes no account for {self.boundjid.user}: {text[:200]}"))
        except IqTimeout:
            self.decide(Unavailable("the server does not answer the registration"))
