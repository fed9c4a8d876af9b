"""Webhooks: told by POST, and never sent into a private network."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from pumpkin.adapters.webhooks import Webhooks


class Receiver:
    """A server that refuses as often as it is told to."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals, self.bodies, self.asked = refusals, [], 0
        self.deliveries: list[str] = []
        self.heard = asyncio.Event()

    async def hook(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.asked <= self.refusals:
            return web.Response(status=503)
        self.bodies.append(await request.json())
        self.deliveries.append(request.headers.get("X-Pumpkin-Delivery", ""))
        self.heard.set()
        return web.Response()

    async def elsewhere(self, _: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect("/hook")

    async def never(self, _: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    bodies: list[Any]


async def served(receiver: Receiver) -> TestServer:
    """The receiver at `/hook`, `/elsewhere` and `/never`."""
    app = web.Application()
    app.router.add_post("/hook", receiver.hook)
    app.router.add_post("/elsewhere", receiver.elsewhere)
    app.router.add_post("/never", receiver.never)
    server = TestServer(app)
    await server.start_server()
    return server


async def test_a_receiver_gets_the_body_and_the_number_of_its_delivery() -> None:
    receiver = Receiver(refusals=1)
    server = await served(receiver)
    async with Webhooks([str(server.make_url("/"))]) as hooks:
        body = {"task_id": 7, "status": "completed"}
        assert await hooks.tell(str(server.make_url("/hook")), body, "12") == "failed"
        assert await hooks.tell(str(server.make_url("/hook")), body, "12") == "told"
    assert receiver.bodies == [body]
    assert receiver.deliveries == ["12"]
    await server.close()


async def test_a_redirection_is_not_followed_and_silence_ends() -> None:
    receiver = Receiver()
    server = await served(receiver)
    async with Webhooks([str(server.make_url("/"))], timeout_s=0.2) as hooks:
        assert await hooks.tell(str(server.make_url("/elsewhere")), {}) == "failed"
        assert await hooks.tell(str(server.make_url("/never")), {}) == "failed"
    assert receiver.asked == 0
    await server.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/hook",
        "https://localhost:{port}/hook",
        "https://localhost/hook",
        "https://169.254.169.254/latest/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::127.0.0.1]/",
        "https://[64:ff9b::127.0.0.1]/",
        "https://[64:ff9b:1::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[2001:0:7f00:1::]/",
        "https://[fe80::1%25lo]/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://0/",
        "https://LOCALHOST/",
        "https://8.8.8.8:8443/",
        "https://8.8.8.8:22/",
        "ftp://8.8.8.8/",
        "gopher://8.8.8.8/",
        "file:///etc/passwd",
        "//8.8.8.8/",
        "https://8.8.8.8@127.0.0.1/",
        "https://127.0.0.1#@8.8.8.8/",
        "https://[::1",
        "http://example.invalid/hook",
        "https://user:password@example.invalid/hook",
    ],
)
async def test_a_private_address_is_never_told(url: str) -> None:
    receiver = Receiver()
    server = await served(receiver)
    async with Webhooks() as hooks:
        assert await hooks.tell(url.format(port=server.port), {"task_id": 1}) == "forbidden"
    assert receiver.asked == 0
    await server.close()
