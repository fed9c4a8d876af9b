"""A real browser (Debian's Chromium) on the real web; what it complains of is collected and must stay empty."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from pumpkin.store.database import Database
from tests.web.pages.site import PASSWORDS, Site

CHROMIUM = "/usr/bin/chromium"
_WATCH = (
    """addEventListener("securitypolicyviolation", (event) => console.error("policy: " + event.violatedDirective));"""
)


@dataclass
class Visit:
    """One person's browser window: `page`, and what went wrong in it."""

    base: str
    page: Page
    context: BrowserContext
    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    async def open(self, path: str) -> Page:
        await self.page.goto(self.base + path)
        return self.page

    async def sign_in(self, name: str = "ada", password: str | None = None) -> Page:
        await self.open("/login")
        await self.page.fill("#name", name)
        await self.page.fill("#password", PASSWORDS[name] if password is None else password)
        await self.page.click("button.primary")
        await self.page.wait_for_load_state()
        return self.page


@pytest.fixture
async def site(database: Database) -> Site:
    """People, and nothing else yet."""
    made = Site(database)
    await made.people()
    return made


@pytest.fixture
async def address(site: Site) -> AsyncIterator[str]:
    """Where the site is served."""
    async with TestServer(site.app) as server:
        yield str(server.make_url("/")).rstrip("/")


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Chromium without a window."""
    async with async_playwright() as play:
        one = await play.chromium.launch(executable_path=CHROMIUM, args=["--headless=new", "--no-sandbox"])
        yield one
        await one.close()


@pytest.fixture
async def visit(browser: Browser, address: str) -> AsyncIterator[Callable[..., Any]]:
    """Opens windows: `await visit(color_scheme="dark", java_script_enabled=False, ...)`; none may complain."""
    opened: list[Visit] = []

    async def start(**more: Any) -> Visit:
        context = await browser.new_context(**more)
        await context.add_init_script(_WATCH)
        page = await context.new_page()
        one = Visit(address, page, context)
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
