"""A client of plain bytes: says exactly what a test wants, for hostile input and exact answers."""

from __future__ import annotations

import asyncio
import ssl
import xml.etree.ElementTree as ET
from base64 import b64encode

from pumpkin.adapters.xmppd import XmppServer

HEADER = (
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
    "to='localhost' version='1.0'>"
)
STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"


def trusting(server: XmppServer) -> ssl.SSLContext:
    """A client context that verifies against the server's own authority."""
    return ssl.create_default_context(cafile=str(server.ca_path))


OPEN: list[RawClient] = []
"""Every client of the running test; the fixture `no_socket_is_left` closes them."""


class RawClient:
    """One socket. `until` reads text up to and including a marker."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        OPEN.append(self)
        self.text = ""

    @classmethod
    async def connect(cls, server: XmppServer, *, direct: bool = False) -> RawClient:
        port = server.tls_port if direct else server.port
        tls = trusting(server) if direct else None
        name = "localhost" if direct else None
        return cls(*await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=name, limit=2**25))

    @classmethod
    async def secure(cls, server: XmppServer) -> RawClient:
        """Connected by STARTTLS, the new stream's features read."""
        client = await cls.connect(server)
        client.send(HEADER + STARTTLS)
        await client.until("<proceed")
        await client.until(">")
        await client.writer.start_tls(trusting(server), server_hostname="localhost")
        client.send(HEADER)
        await client.until("</stream:features>")
        return client

    @classmethod
    async def login(cls, server: XmppServer, user: str, password: str, resource: str) -> RawClient:
        """Authenticated by PLAIN and bound."""
        client = await cls.secure(server)
        await client.authenticate(user, password)
        client.send(
            "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
            f"<resource>{resource}</resource></bind></iq>"
        )
        await client.until("</iq>")
        return client

    async def authenticate(self, user: str, password: str) -> None:
        """SASL PLAIN, then the new stream's features."""
        secret = b64encode(f"\0{user}\0{password}".encode()).decode()
        self.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>")
        await self.until("<success")
        await self.until(">")
        self.send(HEADER)
        await self.until("</stream:features>")

    def send(self, text: str | bytes) -> None:
        self.writer.write(text.encode() if isinstance(text, str) else text)

    async def until(self, marker: str, timeout_s: float = 10) -> str:
        """All text up to and including `marker`; what follows is kept for later."""
        async with asyncio.timeout(timeout_s):
            while marker not in self.text:
                data = await self.reader.read(65536)
                if not data:
                    raise ConnectionError(f"closed before {marker!r}: {self.text[-500:]!r}")
                self.text += data.decode()
        end = self.text.index(marker) + len(marker)
        found, self.text = self.text[:end], self.text[end:]
        return found

    async def rest(self, timeout_s: float = 10) -> str:
        """Everything up to the end of the connection."""
        async with asyncio.timeout(timeout_s):
            try:
                while data := await self.reader.read(65536):
                    self.text += data.decode(errors="replace")
            except (ConnectionError, ssl.SSLError):
                pass
        found, self.text = self.text, ""
        return found

    async def stanza(self, timeout_s: float = 10) -> ET.Element:
        """The next whole stanza as a tree."""
        parser = ET.XMLPullParser(["start", "end"])
        parser.feed(HEADER)
        depth = 0
        list(parser.read_events())
        async with asyncio.timeout(timeout_s):
            while True:
                cut = self.text.find(">") + 1
                while cut:
                    piece, self.text = self.text[:cut], self.text[cut:]
                    parser.feed(piece)
                    for event, element in parser.read_events():
                        depth += 1 if event == "start" else -1
                        if depth == 0:
                            return element
                    cut = self.text.find(">") + 1
                data = await self.reader.read(65536)
                if not data:
                    raise ConnectionError("closed before a stanza")
                self.text += data.decode()

    async def ping(self) -> None:
        """Return when the server has taken all that was sent; what it sent meanwhile is kept in `text`."""
        self.send("<iq type='get' id='sync-ping' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
        async with asyncio.timeout(10):
            while "sync-ping" not in self.text or not self.text.rstrip().endswith(">"):
                data = await self.reader.read(65536)
                if not data:
                    raise ConnectionError("closed")
                self.text += data.decode()

    def abort(self) -> None:
        self.writer.transport.abort()
