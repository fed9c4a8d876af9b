"""One socket: bytes, TLS and flow; what the stanzas mean is its owner's matter."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

import structlog

from pumpkin.adapters.xmppd.faults import StreamFault
from pumpkin.adapters.xmppd.limits import Gate, Limits, Pace
from pumpkin.adapters.xmppd.stanza import STREAMS, Stanza, quoted
from pumpkin.adapters.xmppd.stream import StreamParser
from pumpkin.adapters.xmppd.tls import Tls

log = structlog.get_logger(__name__)
_FAULTS = "urn:ietf:params:xml:ns:xmpp-streams"
_INBOX = 256


class Opened:
    """The peer opened a stream with these attributes."""

    __slots__ = ("attributes",)

    def __init__(self, attributes: dict[str, str]) -> None:
        self.attributes = attributes


class Closed:
    """The peer closed its stream, or the socket is gone."""


CLOSED = Closed()
Event = Opened | Closed | Stanza | StreamFault


class Owner(Protocol):
    """Who takes what a connection hears."""

    async def opened(self, attributes: dict[str, str]) -> None:
        """The peer opened a stream; its header is not yet answered."""

    async def take(self, stanza: Stanza) -> None:
        """One stanza, in order."""

    def poke(self) -> None:
        """The peer was silent for long."""

    def written(self) -> None:
        """Nothing is unwritten."""

    async def gone(self) -> None:
        """The end: everything heard before has been taken."""


class Connection(asyncio.Protocol):
    """Reads and writes one socket. One task takes everything heard in order, to the last stanza before the end."""

    def __init__(
        self,
        domain: str,
        limits: Limits,
        gate: Gate,
        context: ssl.SSLContext,
        make_owner: Callable[[Connection], Owner],
        everyone: set[Connection],
        *,
        direct: bool,
    ) -> None:
        self._domain, self._limits, self._gate, self._context = domain, limits, gate, context
        self._make_owner, self._everyone, self._direct = make_owner, everyone, direct
        self._loop = asyncio.get_running_loop()
        self._inbox: deque[Event] = deque()
        self._wake = asyncio.Event()
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._flow = asyncio.Event()
        self._flow.set()
        self._slow: asyncio.TimerHandle | None = None
        self._late: asyncio.TimerHandle | None = None
        self._pace = Pace(limits.stanza_rate, limits.stanza_burst)
        self._tls: Tls | None = None
        self._held = False
        self._resume_at = 0.0
        self._ending = False
        self._counted = False
        self._header_sent = False
        self._bound = False
        self._refeed = b""
        self.heard = self._loop.time()
        self.address = ""
        self.task: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods only
        peer = self._transport.get_extra_info("peername") or ("",)
        self.address = str(peer[0])
        self._transport.set_write_buffer_limits(high=self._limits.high_water, low=0)
        self._parser = self._fresh()
        if not self._gate.enter(self.address, self):
            log.warning("xmpp connection refused, too many", address=self.address)
            if not self._direct:
                self._transport.write(self._farewell(StreamFault("resource-constraint", "Too many connections.")))
            self._transport.close()
            return
        self._counted = True
        self._everyone.add(self)
        if self._direct:
            self._tls = Tls(self._context)
        self.owner = self._make_owner(self)
        self._late = self._loop.call_later(self._limits.negotiation_s, self._too_late)
        self.task = self._loop.create_task(self._run())

    def data_received(self, data: bytes) -> None:
        if self._ending or not self._counted:
            return
        self.heard = self._loop.time()
        before = len(self._inbox)
        try:
            if self._tls is None:
                self._parser.feed(data)
            else:
                plain = self._tls.receive(data)
                if pending := self._tls.outgoing():
                    self._transport.write(pending)
                if plain:
                    self._parser.feed(plain)
                if self._tls.closed:
                    self._inbox.append(CLOSED)
        except StreamFault as fault:
            self._inbox.append(fault)
            self._hold()
        self._wake.set()
        delay = self._pace.delay(len(self._inbox) - before, self.heard)
        if delay or len(self._inbox) > _INBOX:
            self._hold()
        if delay:
            self._resume_at = self.heard + delay
            self._loop.call_later(delay, self._let_go)

    def connection_lost(self, error: Exception | None) -> None:
        if not self._counted:
            return
        self._inbox.append(CLOSED)
        self._wake.set()
        self._flow.set()
        for timer in (self._slow, self._late):
            if timer is not None:
                timer.cancel()
        self._everyone.discard(self)
        self._gate.leave(self.address, self)

    def pause_writing(self) -> None:
        self._flow.clear()
        self._slow = self._loop.call_later(self._limits.slow_s, self.cut, "too slow")

    def resume_writing(self) -> None:
        self._flow.set()
        self.owner.written()
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None

    # What the owner calls.

    @property
    def encrypted(self) -> bool:
        """Whether TLS stands."""
        return self._tls is not None

    @property
    def blocked(self) -> bool:
        """Whether more is unwritten than the peer should hold up."""
        return not self._flow.is_set()

    async def flow(self) -> None:
        """Wait until the peer has read, or is cut off."""
        await self._flow.wait()

    def send(self, data: bytes) -> None:
        """Send bytes of the stream; those of one turn of the loop go out together."""
        if self._ending or self._transport.is_closing():
            return
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(data)
        self._out_bytes += len(data)
        if self._out_bytes + self._transport.get_write_buffer_size() > self._limits.held:
            self.cut("holds too much memory")

    def upgrade(self) -> None:
        """Answer `proceed` and speak TLS from the next byte on; what came in plain before is dropped."""
        self.send(b'<proceed xmlns="urn:ietf:params:xml:ns:xmpp-tls"/>')
        self._flush()
        self._tls = Tls(self._context)
        self._parser = self._fresh()
        self._header_sent = False

    def restart(self) -> None:
        """Expect a new stream from here on (after SASL)."""
        rest = self._parser.rest()
        self._parser = self._fresh()
        self._header_sent = False
        self._refeed = rest

    def bound(self) -> None:
        """The peer has bound its resource: no deadline any more, stanzas of full size."""
        self._bound = True
        self._gate.bound(self.address, self)
        if self._late is not None:
            self._late.cancel()
            self._late = None
        self._parser.bulk()

    def header(self, text: str) -> None:
        """Send our stream header and what follows it."""
        self._header_sent = True
        self.send(text.encode())

    def close(self) -> None:
        """End our stream in order."""
        if not self._ending:
            if self._transport.is_closing():
                # The peer is gone already; uvloop lets nobody write to what is closed.
                self._ending = True
                return
            if self._header_sent:
                self.send(b"</stream:stream>")
            self._flush()
            self._ending = True
            if self._tls is not None and self._tls.established:
                self._transport.write(self._tls.close())
            self._transport.close()
            # A peer that does not read keeps a closing transport open for ever.
            self._loop.call_later(5, self._transport.abort)

    def fail(self, fault: StreamFault) -> None:
        """End with a stream error."""
        if not self._ending:
            self._end_with(fault)
            self.close()

    def cut(self, why: str) -> None:
        """Drop the socket at once."""
        if not self._ending:
            log.warning("xmpp peer cut off", why=why, address=self.address)
            self._ending = True
            self._transport.abort()

    # Inside.

    def _fresh(self) -> StreamParser:
        add = self._inbox.append
        return StreamParser(lambda a: add(Opened(a)), add, lambda: add(CLOSED), self._limits)

    async def _run(self) -> None:
        try:
            await self._take_all()
        except StreamFault as fault:
            log.info("xmpp stream ended", condition=fault.condition, text=fault.text, address=self.address)
            self.fail(fault)
        except Exception:
            log.exception("xmpp stream failed", address=self.address)
            self.fail(StreamFault("internal-server-error"))
        finally:
            try:
                self.close()
            finally:
                await self.owner.gone()

    async def _take_all(self) -> None:
        turn = 0
        while True:
            while self._inbox:
                event = self._inbox.popleft()
                if isinstance(event, Stanza):
                    await self.owner.take(event)
                elif isinstance(event, Opened):
                    await self.owner.opened(event.attributes)
                elif isinstance(event, StreamFault):
                    raise event
                else:
                    return
                turn += 1
                if turn % 64 == 0:
                    await asyncio.sleep(0)
            if self._refeed:
                rest, self._refeed = self._refeed, b""
                self._parser.feed(rest)
            else:
                self._parser.resume()
            if self._inbox:
                continue
            self._let_go()
            self._wake.clear()
            await self._wake.wait()

    def _flush(self) -> None:
        if not self._out or self._transport.is_closing():
            self._out.clear()
            return
        data = b"".join(self._out) if len(self._out) > 1 else self._out[0]
        self._out.clear()
        self._out_bytes = 0
        self._transport.write(self._tls.send(data) if self._tls is not None else data)
        if not self._transport.get_write_buffer_size():
            self.owner.written()

    def _hold(self) -> None:
        if not self._held and not self._transport.is_closing():
            self._held = True
            self._transport.pause_reading()

    def _let_go(self) -> None:
        due = self._resume_at <= self._loop.time() + 0.001
        if self._held and due and len(self._inbox) <= _INBOX and not self._transport.is_closing():
            self._held = False
            self._transport.resume_reading()

    def _too_late(self) -> None:
        self.fail(StreamFault("connection-timeout", "Not authenticated and bound in time."))

    def _end_with(self, fault: StreamFault) -> None:
        if self._tls is None or self._tls.established:
            self.send(self._farewell(fault))

    def _farewell(self, fault: StreamFault) -> bytes:
        text = f'<text xmlns="{_FAULTS}">{_escaped(fault.text)}</text>' if fault.text else ""
        body = f'<stream:error><{fault.condition} xmlns="{_FAULTS}"/>{text}</stream:error>'
        if not self._header_sent:
            body = stream_header(self._domain, "0") + body
            self._header_sent = True
        return body.encode()


def stream_header(domain: str, stream_id: str) -> str:
    """Our side's opening (RFC 6120 section 4.7)."""
    return (
        f"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='{STREAMS}' from={quoted(domain)} "
        f"id={quoted(stream_id)} version='1.0' xml:lang='en'>"
    )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
