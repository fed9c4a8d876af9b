"""A server on free ports with a store in memory, and foreign clients to it."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import slixmpp

from pumpkin.adapters.xmppd import Limits, XmppServer
from tests.adapters.xmppd.memory import MemoryStore
from tests.adapters.xmppd.raw import OPEN, RawClient

PASSWORD = "an0ther secret"


@pytest.fixture(autouse=True)
async def no_socket_is_left() -> AsyncIterator[None]:
    yield
    while OPEN:
        OPEN.pop().abort()
    await asyncio.sleep(0)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("xmpp")


@pytest.fixture
async def make_server(store: MemoryStore, certificates: Path) -> AsyncIterator[Callable[..., Awaitable[XmppServer]]]:
    """Start a server; arguments go to XmppServer, `limits` as a dict of changes."""
    running: list[XmppServer] = []

    async def make(limits: dict[str, Any] | None = None, **kwargs: Any) -> XmppServer:
        server = XmppServer(store, "localhost", "127.0.0.1", 0, certificates, limits=Limits(**(limits or {})), **kwargs)
        await server.start()
        running.append(server)
        for name in ("alice", "bob"):
            if name not in store.accounts:
                await server.add_account(name, PASSWORD)
        return server

    yield make
    for server in running:
        await server.stop()


@pytest.fixture
async def server(make_server: Callable[..., Awaitable[XmppServer]]) -> XmppServer:
    return await make_server()


@pytest.fixture
async def login(server: XmppServer) -> Callable[..., Awaitable[RawClient]]:
    """A raw client, authenticated and bound."""

    async def make(user: str = "alice", resource: str = "test", *, to: XmppServer | None = None) -> RawClient:
        return await RawClient.login(to or server, user, PASSWORD, resource)

    return make


class Listener:
    """Collects the stanzas of an attached agent; `wait` gives the first that fits."""

    def __init__(self) -> None:
        self.heard: list[ET.Element] = []
        self._new = asyncio.Event()

    def __call__(self, stanza: ET.Element) -> None:
        self.heard.append(stanza)
        self._new.set()

    async def wait(self, name: str, count: int = 1, **attributes: str) -> list[ET.Element]:
        """The first `count` stanzas called `name` with these attributes (`from_` is `from`)."""
        wanted = {k.rstrip("_"): v for k, v in attributes.items()}
        async with asyncio.timeout(20):
            while True:
                found = [
                    s
                    for s in self.heard
                    if s.tag == "{jabber:client}" + name and all(s.get(k) == v for k, v in wanted.items())
                ]
                if len(found) >= count:
                    return found[:count]
                self._new.clear()
                await self._new.wait()


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
async def slix(server: XmppServer) -> AsyncIterator[Callable[..., Awaitable[slixmpp.ClientXMPP]]]:
    """A connected slixmpp client that verifies the server's certificate."""
    clients: list[slixmpp.ClientXMPP] = []

    async def make(user: str, *, resource: str = "slix", plugins: tuple[str, ...] = ()) -> slixmpp.ClientXMPP:
        client = slixmpp.ClientXMPP(f"{user}@localhost/{resource}", PASSWORD)
        client.enable_direct_tls = False
        client.ssl_context.load_verify_locations(server.ca_path)
        for plugin in plugins:
            client.register_plugin(plugin)
        started = asyncio.get_running_loop().create_future()
        client.add_event_handler("session_start", lambda _: started.done() or started.set_result(None))
        client.connect("localhost", server.port)
        clients.append(client)
        await asyncio.wait_for(started, 15)
        return client

    yield make
    for client in clients:
        await client.disconnect()
