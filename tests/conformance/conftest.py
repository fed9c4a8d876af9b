"""The two servers, each with the accounts a test asks for, and foreign clients that verify its certificate."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import slixmpp

from pumpkin.adapters.embedded.prosody import Prosody
from pumpkin.adapters.xmppd import XmppServer
from pumpkin.adapters.xmppd.certificates import Certificates
from tests.adapters.xmppd.memory import MemoryStore
from tests.adapters.xmppd.raw import OPEN, RawClient

PASSWORD = "an0ther secret"
NAMES = ("alice", "bob", "carol")


@dataclass
class Served:
    """One running server; `add` makes an account."""

    kind: str
    server: XmppServer | Prosody
    add: Callable[[str, str], Awaitable[None]]

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def tls_port(self) -> int:
        return self.server.tls_port

    @property
    def ca_path(self) -> Path:
        return self.server.ca_path


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("xmpp")


@pytest.fixture(params=["embedded", "prosody"])
async def served(request: pytest.FixtureRequest, certificates: Path) -> AsyncIterator[Served]:
    """Our own server, or a Prosody as `--xmpp=prosody` runs it, with three accounts."""
    if request.param == "embedded":
        server = XmppServer(MemoryStore(), "localhost", "127.0.0.1", 0, certificates)
        one = Served("embedded", server, server.add_account)
        folder = None
        await server.start()
    else:
        folder = Path(tempfile.mkdtemp(prefix="pumpkin-prosody-"))
        folder.chmod(0o711)
        prosody = Prosody(
            folder / "prosody", "localhost", "127.0.0.1", 0, Certificates(certificates, "localhost"),
            admins=("alice@localhost",),
        )  # fmt: skip
        one = Served("prosody", prosody, prosody.put_password)
        await prosody.start()
    for name in NAMES:
        await one.add(name, PASSWORD)
    yield one
    while OPEN:
        OPEN.pop().abort()
    await one.server.stop()
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def slix(served: Served) -> AsyncIterator[Callable[..., Awaitable[slixmpp.ClientXMPP]]]:
    """A connected slixmpp client."""
    clients: list[slixmpp.ClientXMPP] = []

    async def make(user: str, *, plugins: tuple[str, ...] = (), resource: str = "slix") -> slixmpp.ClientXMPP:
        client = slixmpp.ClientXMPP(f"{user}@localhost/{resource}", PASSWORD)
        client.enable_direct_tls = False
        client.auto_authorize = None
        client.auto_subscribe = False
        client.ssl_context.load_verify_locations(served.ca_path)
        for plugin in plugins:
            client.register_plugin(plugin)
        started = asyncio.get_running_loop().create_future()
        client.add_event_handler("session_start", lambda _: started.done() or started.set_result(None))
        client.connect("localhost", served.port)
        clients.append(client)
        await asyncio.wait_for(started, 15)
        return client

    yield make
    for client in clients:
        await client.disconnect()


@pytest.fixture
async def login(served: Served) -> Callable[..., Awaitable[RawClient]]:
    """A client of plain bytes, bound."""

    async def make(user: str = "alice", resource: str = "raw") -> RawClient:
        return await RawClient.login(served, user, PASSWORD, resource)  # type: ignore[arg-type]

    return make


class Heard:
    """What a slixmpp client hears, to be waited for."""

    def __init__(self, client: slixmpp.ClientXMPP) -> None:
        self._found: asyncio.Queue[slixmpp.stanza.Message | slixmpp.stanza.Presence] = asyncio.Queue()
        client.add_event_handler("message", self._found.put_nowait)
        client.add_event_handler("presence", self._found.put_nowait)

    async def until(self, fits: Callable[[object], bool]) -> object:
        """The first stanza that fits; what came before is passed over."""
        async with asyncio.timeout(15):
            while True:
                found = await self._found.get()
                if fits(found):
                    return found
