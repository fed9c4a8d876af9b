"""Connections that only stand there: they make room for those that ask, and end where their handshake does not."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from pumpkin.adapters.xmppd.certificates import Certificates
from pumpkin.web.crowd import AT_ONCE, Crowd
from pumpkin.web.doorstep import DoorRunner, DoorSite

ASK = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def test_the_oldest_without_a_request_of_the_fullest_address_give_way() -> None:
    ended: list[str] = []
    busy = {"a0", "a2"}
    crowd = Crowd(6, busy.__contains__)
    for name in ("b0", "a0", "a1", "a2", "a3", "a4"):
        assert crowd.came(name, name[0], lambda name=name: ended.append(name))
    assert crowd.came("b1", "b", lambda: None)
    assert ended == ["a1", "a3", "a4"][:AT_ONCE]
    assert (len(crowd), crowd.dropped) == (4, 3)
    crowd.left("b0")
    crowd.left("b0")
    assert len(crowd) == 3


def test_where_all_have_requests_the_newcomer_is_not_taken() -> None:
    crowd = Crowd(2, lambda _: True)
    assert crowd.came(1, "a", lambda: None)
    assert crowd.came(2, "a", lambda: None)
    assert not crowd.came(3, "b", lambda: None)
    assert (len(crowd), crowd.dropped) == (2, 1)


@asynccontextmanager
async def served(crowd: Crowd, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A door behind which a page is; its port."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text="here")

    application = web.Application()
    application.router.add_get("/", page)
    runner = DoorRunner(application, crowd=crowd, access_log=None)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    await DoorSite(runner, listener, context).start()
    try:
        yield listener.getsockname()[1]
    finally:
        await runner.cleanup()


async def test_a_stranger_who_holds_every_place_shuts_nobody_out() -> None:
    crowd = Crowd(20)
    async with served(crowd) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(60)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
        writer.write(ASK)
        async with asyncio.timeout(10):
            assert (await reader.read()).endswith(b"here")
            assert await held[0][0].read() == b""
        assert len(crowd) <= 20
        for _, one in [*held, (reader, writer)]:
            one.close()
        async with asyncio.timeout(10):
            while len(crowd):
                await asyncio.sleep(0.01)


async def test_also_those_count_that_never_end_their_handshake(tmp_path: Path) -> None:
    own = Certificates(tmp_path, "localhost", ("localhost",))
    own.ensure()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(own.chain_path, own.key_path)
    trust = ssl.create_default_context(cafile=str(own.ca_path))
    crowd = Crowd(20)
    async with served(crowd, context) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(60)]
        held[0][1].write(b"no TLS at all\r\n\r\n")
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname="localhost")
        writer.write(ASK)
        async with asyncio.timeout(10):
            assert (await reader.read()).endswith(b"here")
            assert await held[1][0].read() == b""
        assert len(crowd) <= 20
        assert crowd.dropped >= 40
        for _, one in [*held, (reader, writer)]:
            one.close()
        async with asyncio.timeout(15):
            while len(crowd):
                await asyncio.sleep(0.01)
