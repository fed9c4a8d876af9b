"""Webhooks: told by POST, tried again, and never sent into a private network."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from pumpkin.adapters.webhooks import Webhooks


class Receiver:
    """A server that refuses as often as it is told to."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals, self.bodies, self.asked = refusals, [], 0
        self.heard = asyncio.Event()

    async def hook(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.asked <= self.refusals:
            return web.Response(status=503)
        self.bodies.append(await request.json())
        self.heard.set()
        return web.Response()

    bodies: list[Any]


async def _served(receiver: Receiver) -> TestServer:
    app = web.Application()
    app.router.add_post("/hook", receiver.hook)
    server = TestServer(app)
    await server.start_server()
    return server


async def test_a_receiver_that_fails_at_first_is_told_in_the_end() -> None:
    receiver = Receiver(refusals=2)
    server = await _served(receiver)
    async with Webhooks([str(server.make_url("/"))], pauses_s=(0, 0.01, 0.01)) as hooks:
        hooks.tell(str(server.make_url("/hook")), {"task_id": 7, "status": "completed"})
        async with asyncio.timeout(5):
            await receiver.heard.wait()
    assert receiver.bodies == [{"task_id": 7, "status": "completed"}]
    assert receiver.asked == 3
    await server.close()


async def test_a_private_address_is_never_told() -> None:
    receiver = Receiver()
    server = await _served(receiver)
    port = server.port
    async with Webhooks(pauses_s=(0,)) as hooks:
        for url in (
            str(server.make_url("/hook")),
            f"http://127.0.0.1:{port}/hook",
            f"https://localhost:{port}/hook",
            "https://169.254.169.254/latest/",
            "https://[::1]/",
            "http://example.invalid/hook",
        ):
            hooks.tell(url, {"task_id": 1})
        async with asyncio.timeout(10):
            while hooks._sending:
                await asyncio.sleep(0.01)
    assert receiver.asked == 0
    await server.close()
