"""Asking an authority over real HTTP: one that answers, and strangers that hang, drip, flood, lie or send elsewhere."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from pumpkin.adapters.tsa import LocalTsa, TsaClient
from pumpkin.errors import TsaError, TsaTimeout, TsaTooLarge
from pumpkin.evidence import tsp
from pumpkin.evidence.authority import Authority

DIGEST = hashlib.sha256(b"observed").digest()
REPLY = "application/timestamp-reply"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
AUTHORITY = Authority.create("tsa.example")


async def honest(request: web.Request) -> web.Response:
    if request.content_type != "application/timestamp-query":
        return web.Response(status=415)
    return web.Response(body=AUTHORITY.respond(await request.read()), content_type=REPLY)


async def hang(request: web.Request) -> web.Response:
    await asyncio.sleep(30)
    return web.Response()


async def drip(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": REPLY})
    await response.prepare(request)
    while True:
        await response.write(b"\x30")
        await asyncio.sleep(0.05)


async def flood(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": REPLY})
    await response.prepare(request)
    for _ in range(10_000):
        await response.write(bytes(65_536))
    return response


async def announce(request: web.Request) -> web.Response:
    return web.Response(body=bytes(65_537), content_type=REPLY)


async def html(request: web.Request) -> web.Response:
    return web.Response(text="<h1>Captive portal</h1>", content_type="text/html")


async def busy(request: web.Request) -> web.Response:
    return web.Response(status=503, headers={"Retry-After": "17"})


async def elsewhere(request: web.Request) -> web.Response:
    return web.Response(status=302, headers={"Location": "file:///etc/hostname"})


async def round_about(request: web.Request) -> web.Response:
    return web.Response(status=307, headers={"Location": "/honest"})


async def cut(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": REPLY, "Content-Length": "500"})
    await response.prepare(request)
    await response.write(b"\x30\x82")
    assert request.transport is not None
    request.transport.close()
    return response


async def bomb(request: web.Request) -> web.Response:
    body = gzip.compress(bytes(50_000_000))
    return web.Response(body=body, content_type=REPLY, headers={"Content-Encoding": "gzip"})


HANDLERS: dict[str, Handler] = {
    one.__name__: one for one in (honest, hang, drip, flood, announce, html, busy, elsewhere, round_about, cut, bomb)
}


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    app = web.Application()
    for name, handler in HANDLERS.items():
        app.router.add_post(f"/{name}", handler)
    async with TestServer(app, shutdown_timeout=0.1) as running:
        yield running


def client(server: TestServer, name: str, timeout: float = 5.0) -> TsaClient:
    return TsaClient(str(server.make_url(f"/{name}")), timeout)


async def test_an_honest_authority_answers_with_a_token(server: TestServer) -> None:
    query = tsp.make_query(DIGEST)
    async with client(server, "honest") as tsa:
        answer = await tsa.ask(query)
        again = await tsa.ask(query)
    assert tsp.verify(answer, query=query, roots=[AUTHORITY.root_pem]).ok
    assert again != answer


@pytest.mark.parametrize("name", ["hang", "drip"])
async def test_one_deadline_ends_the_whole_exchange(server: TestServer, name: str) -> None:
    began = time.monotonic()
    async with client(server, name, timeout=0.4) as tsa:
        with pytest.raises(TsaTimeout) as caught:
            await tsa.ask(b"0")
    assert caught.value.code == "timeout"
    assert 0.3 < time.monotonic() - began < 2


@pytest.mark.parametrize("name", ["flood", "announce"])
async def test_no_more_is_read_than_a_token_needs(server: TestServer, name: str) -> None:
    async with client(server, name) as tsa:
        with pytest.raises(TsaTooLarge) as caught:
            await tsa.ask(b"0")
    assert caught.value.code == "too_large"


async def test_a_compressed_answer_is_not_inflated(server: TestServer) -> None:
    async with client(server, "bomb") as tsa:
        answer = await tsa.ask(b"0")
    assert len(answer) < 65_536
    assert tsp.verify(answer, digest=DIGEST, roots=[AUTHORITY.root_pem]).code == "malformed"


@pytest.mark.parametrize("name", ["html", "busy", "elsewhere", "round_about", "cut", "nothing_here"])
async def test_whatever_is_no_reply_is_an_error_of_the_exchange(server: TestServer, name: str) -> None:
    async with client(server, name) as tsa:
        with pytest.raises(TsaError) as caught:
            await tsa.ask(b"0")
    assert caught.value.code == "http"


async def test_an_authority_may_ask_to_be_left_alone(server: TestServer) -> None:
    async with client(server, "busy") as tsa:
        with pytest.raises(TsaError) as caught:
            await tsa.ask(b"0")
    assert caught.value.pause == 17


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/", "ftp://tsa.example/", "not a url", "http://[::1"])
async def test_an_address_where_nobody_answers_is_an_error_of_the_exchange(url: str) -> None:
    async with TsaClient(url.format(port=unused_port()), 2.0) as tsa:
        with pytest.raises(TsaError) as caught:
            await tsa.ask(b"0")
    assert caught.value.code == "http"


async def test_an_ask_after_a_failure_is_answered(server: TestServer) -> None:
    async with client(server, "hang", timeout=0.2) as tsa:
        with pytest.raises(TsaTimeout):
            await tsa.ask(b"0")
        tsa.url = str(server.make_url("/honest"))
        tsa.timeout = 5.0
        assert tsp.verify(await tsa.ask(tsp.make_query(DIGEST)), digest=DIGEST, roots=[AUTHORITY.root_pem]).ok


async def test_the_loop_runs_on_while_an_authority_hangs(server: TestServer) -> None:
    async with client(server, "hang", timeout=0.3) as slow, client(server, "honest") as quick:
        waiting = asyncio.create_task(slow.ask(b"0"))
        for _ in range(5):
            assert await quick.ask(tsp.make_query(DIGEST))
        assert not waiting.done()
        with pytest.raises(TsaTimeout):
            await waiting


async def test_the_local_authority_is_asked_like_any_other() -> None:
    async with LocalTsa(AUTHORITY) as tsa:
        answer = await tsa.ask(tsp.make_query(DIGEST))
    assert tsp.verify(answer, digest=DIGEST, roots=[AUTHORITY.root_pem]).ok
