"""A real browser (Debian's Chromium) on the real web; what it complains of is collected and must stay empty.

All tests here share one event loop and one browser, each with a site, a database and windows of its own; an `async`
fixture of this folder is therefore marked `shared`.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from pumpkin.store import sessions
from pumpkin.store.database import Database
from pumpkin.web.guard import SESSION_COOKIE
from pumpkin.web.pages.policy import REPORTS
from pumpkin.web.services import Public
from tests.browser import strangers
from tests.web.pages.site import Site, Told

shared = pytest_asyncio.fixture(loop_scope="session")
"""Makes a fixture that runs on the loop of the browser."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of this folder run on one loop."""
    for item in items:
        if item.path.parent == HERE and inspect.iscoroutinefunction(getattr(item, "function", None)):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


HERE = Path(__file__).parent
CHROMIUM = "/usr/bin/chromium"
_WATCH = """addEventListener("securitypolicyviolation", (one) => console.error("policy: " + one.violatedDirective));"""


class Relay:
    """A line between browser and server that can be cut and mended; `port` stays the same."""

    def __init__(self, host: str, port: int) -> None:
        self._to = host, port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self._flows = asyncio.Event()
        self._flows.set()

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._joined, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def hang(self) -> None:
        """Connections stay open and carry nothing, those that are made meanwhile until `flow`, the others for ever."""
        self._flows.clear()
        self._flows = asyncio.Event()

    def flow(self) -> None:
        self._flows.set()

    async def cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        there_reader, there_writer = await asyncio.open_connection(*self._to)
        flows = self._flows
        try:
            await asyncio.gather(_copy(reader, there_writer, flows), _copy(there_reader, writer, flows))
        finally:
            writer.transport.abort()
            there_writer.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flows: asyncio.Event) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            await flows.wait()
            writer.write(data)
            await writer.drain()
        writer.close()


@dataclass
class Visit:
    """One person's browser window: `page`, and what went wrong in it."""

    base: str
    page: Page
    context: BrowserContext
    site: Site
    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    async def open(self, path: str) -> Page:
        answer = await self.page.goto(self.base + path)
        if answer is not None and answer.status >= 500:
            self.complaints.append(f"{path}: {answer.status}")
        return self.page

    async def sign_in(self, name: str = "ada", password: str | None = None) -> Page:
        """On the first page, signed in: by the form with `password`, else by a session that is opened beside it."""
        if password is None:
            token = await sessions.open(self.site.db, name, seconds=3_600, source="127.0.0.1", client="a browser")
            await self.context.add_cookies([{"name": SESSION_COOKIE, "value": token, "url": self.base}])
            return await self.open("/")
        await self.open("/login")
        await self.page.fill("#name", name)
        await self.page.fill("#password", password)
        await self.page.click("button.primary")
        await self.page.wait_for_load_state()
        return self.page


@shared
async def database(dsn: str) -> AsyncIterator[Database]:
    """The store, opened on this test's database and the browser's loop."""
    db = await Database.open(dsn)
    yield db
    await db.close()


@shared
async def site(database: Database) -> Site:
    """People, and nothing else yet; the public pages are open."""
    told = Told()
    made = Site(database, told, public=Public(status=True, proofs=True), **strangers.parts(told))
    await made.people()
    return made


@shared
async def address(site: Site) -> AsyncIterator[str]:
    """Where the site is served."""
    async with TestServer(site.app) as server:
        yield str(server.make_url("/")).rstrip("/")


@shared
async def relay(address: str) -> AsyncIterator[Relay]:
    """A line to the site that can be cut."""
    host, _, port = address.removeprefix("http://").partition(":")
    one = Relay(host, int(port))
    await one.mend()
    yield one
    await one.cut()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium without a window for the whole session; each test has windows of its own."""
    async with async_playwright() as play:
        options = ["--headless=new", "--no-sandbox"]
        chromium = await play.chromium.launch(executable_path=CHROMIUM, args=options)
        yield chromium
        await chromium.close()


@shared
async def visit(browser: Browser, address: str, site: Site) -> AsyncIterator[Callable[..., Any]]:
    """Opens windows: `await visit(color_scheme="dark", java_script_enabled=False, ...)`; none may complain."""
    opened: list[Visit] = []

    async def start(**more: Any) -> Visit:
        context = await browser.new_context(**more)
        await context.add_init_script(_WATCH)
        page = await context.new_page()
        one = Visit(address, page, context, site)
        page.on("console", lambda message: one.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: one.complaints.append(str(error)))
        page.on("dialog", lambda dialog: one.complaints.append(f"dialog {dialog.message}"))
        page.on(
            "request",
            lambda asked: None if asked.url.startswith((address, "data:")) else one.foreign.append(asked.url),
        )
        opened.append(one)
        return one

    yield start
    for one in opened:
        await one.context.close()
    assert [one.complaints for one in opened if one.complaints] == []
    assert [one.foreign for one in opened if one.foreign] == []
    assert list(site.app[REPORTS]) == []
