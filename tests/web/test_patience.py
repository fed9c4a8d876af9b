"""Slow clients: a connection without a request ends, one with a request is left alone, a body must come on."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from aiohttp import web as aio
from aiohttp.test_utils import BaseTestServer, TestServer

from pumpkin.errors import PayloadTooLarge
from pumpkin.web import limits, patience, routes
from pumpkin.web.limits import _rest
from pumpkin.web.patience import IDLE_S, Patience, TooSlow
from tests.web.conftest import Web, item

HEAD = b"POST /items/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: %s\r\nContent-Length: 100\r\n\r\n"


async def connected(server: BaseTestServer, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(data)
    await writer.drain()
    return reader, writer


@pytest.mark.parametrize("sent", [b"", b"GET /heal", b"GET /health HTTP/1.1\r\nHost: a\r\nX: "])
async def test_a_connection_without_a_whole_request_ends(web: Web, sent: bytes) -> None:
    watch = Patience()
    application = routes.application(web.services)
    application.middlewares.insert(0, watch.watched())
    async with TestServer(application) as server:
        reader, writer = await connected(server, sent)
        now = asyncio.get_running_loop().time()
        connections: Iterable[Any] = ()
        while not (connections := server.handler.connections):
            await asyncio.sleep(0)
        assert watch.end_idle(connections, now) == 0
        assert watch.end_idle(connections, now + IDLE_S - 1) == 0
        assert watch.end_idle(connections, now + IDLE_S) == 1
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
        writer.close()


async def test_a_connection_with_a_request_under_way_is_left_alone_and_a_new_one_counts_anew(web: Web) -> None:
    watch = Patience()
    application = routes.application(web.services)
    application.middlewares.insert(0, watch.watched())
    async with TestServer(application) as server:
        head = HEAD % web.writer["Authorization"].encode()
        reader, writer = await connected(server, head)
        while not watch._busy:
            await asyncio.sleep(0)
        now = asyncio.get_running_loop().time()
        connections = server.handler.connections
        watch.end_idle(connections, now)
        assert watch.end_idle(connections, now + 10 * IDLE_S) == 0
        writer.write(b"x" * 100)
        async with asyncio.timeout(5):
            assert (await reader.readline()).startswith(b"HTTP/1.1 422")
        assert watch.end_idle(connections, now + 20 * IDLE_S) == 0
        assert watch.end_idle(connections, now + 21 * IDLE_S) == 1
        writer.close()


async def test_a_body_that_does_not_come_is_given_up() -> None:
    async def take(request: aio.Request) -> aio.Response:
        with pytest.raises(TooSlow):
            await _rest(request.content, 1_000, patience_s=0.05)
        return aio.Response(text="too slow")

    application = aio.Application()
    application.router.add_post("/items/", take)
    async with TestServer(application) as server:
        reader, writer = await connected(server, HEAD % b"x" + b"a")
        async with asyncio.timeout(5):
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_a_body_that_comes_has_more_time_the_longer_it_is() -> None:
    async with patience.pace() as deadline:
        first = deadline._deadline.when()
        deadline.came(160 * 1024)
        assert deadline._deadline.when() == pytest.approx((first or 0) + 10)


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", lambda data: zlib.compress(data, wbits=-15))],
)
async def test_a_packed_body_is_taken_and_a_bomb_is_never_unpacked(
    web: Web, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    headers = {**web.writer, "Content-Encoding": encoding, "Content-Type": "application/json"}
    async with web.client.post("/items/", data=pack(json.dumps(item()).encode()), headers=headers) as answer:
        assert answer.status == 200
    bomb = pack(b" " * 40_000_000)
    with pytest.raises(PayloadTooLarge):
        limits.inflated(bomb, encoding, limits.BODY_LIMIT)
    for path, status in (("/items/", 413), ("/api/v1/checks", 413), ("/api/v1/nothing", 404)):
        async with web.client.post(path, data=bomb, headers=headers) as answer:
            assert answer.status == status, await answer.text()
    assert not web.client.server.runner.server._kwargs["auto_decompress"]  # nobody else unpacks what nobody reads


@pytest.mark.parametrize(
    "body", [b"no gzip at all", gzip.compress(b"{}" * 10_000)[:-9], b""], ids=["no gzip", "cut", "empty"]
)
async def test_a_body_that_is_not_what_its_encoding_says_is_400(web: Web, body: bytes) -> None:
    headers = {**web.writer, "Content-Encoding": "gzip", "Content-Type": "application/json"}
    async with web.client.post("/api/v1/checks", data=body, headers=headers) as answer:
        assert (answer.status, (await answer.json())["success"]) == (400, False)
    async with web.client.post("/items/", json=item(), headers=web.writer) as answer:
        assert answer.status == 200
