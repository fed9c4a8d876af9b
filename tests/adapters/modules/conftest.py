"""Targets of modules: a server that notes what it is asked and answers as it is told, and items to bring."""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from pumpkin.adapters import modules
from pumpkin.adapters.modules import Module, Place
from pumpkin.adapters.xmppd.certificates import Certificates
from pumpkin.model.deliveries import Item

EVIL = 'a "b] \\c\r\nBcc: evil@x.example\r\n.\r\n<!channel> *bold* <script>alert(1)</script> \u202e\x00\x1b[31m & ünï'


def item(**more: Any) -> Item:
    """A check as an item; hostile text where text can be."""
    given: dict[str, Any] = {
        "id": uuid4(),
        "topic": "check.stored",
        "time": time.time_ns() // 1_000,
        "severity": "critical",
        "subject": f"critical: {EVIL}",
        "agent": "probe@example.org",
        "type": "http",
        "target": "198.51.100.7",
        "path": "/checks/1",
        "data": {"payload": {"text": EVIL}},
        "record": uuid4(),
        "seq": 41,
    }
    return Item(**{**given, **more})


class Target:
    """An HTTP server: `asked` holds (method, path, headers, body); `answers` are given first, then `usual`."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Mapping[str, str], bytes]] = []
        self.answers: list[web.Response] = []
        self.usual: Callable[[web.Request, bytes], web.Response] = lambda *_: web.Response()
        self.server: TestServer | None = None

    async def start(self, context: ssl.SSLContext | None = None) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self.server = TestServer(app)
        await self.server.start_server(ssl=context)

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.asked.append((request.method, request.path_qs, request.headers.copy(), body))
        return self.answers.pop(0) if self.answers else self.usual(request, body)

    def url(self, path: str = "/") -> str:
        assert self.server is not None
        return str(self.server.make_url(path))

    async def close(self) -> None:
        if self.server is not None:
            await self.server.close()


@pytest.fixture
async def target() -> AsyncIterator[Target]:
    made = Target()
    await made.start()
    yield made
    await made.close()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority of our own, and its certificate for localhost."""
    made = Certificates(tmp_path_factory.mktemp("tls"), "localhost", ("127.0.0.1", "localhost"))
    made.ensure()
    return made


Make = Callable[..., Awaitable[Module]]


@pytest.fixture
async def module(tmp_path: Path) -> AsyncIterator[Make]:
    """Makes and opens a module: `await module("slack", url, option=...)`."""
    opened: list[Module] = []

    async def make(kind: str, target: str, link: str = "https://pumpkin.example", **options: Any) -> Module:
        made = modules.make(kind, Place("mine", target, tmp_path / "mine", link, "pumpkin.example"), options)
        opened.append(made)
        await made.open()
        return made

    yield make
    for one in opened:
        await one.close()
