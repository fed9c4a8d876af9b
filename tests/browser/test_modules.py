"""The modules' pages in a browser: no serious fault of access, no wider than the screen, acted on by one person."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp.test_utils import TestServer
from playwright.async_api import expect

from pumpkin.store import deliveries
from tests.browser.conftest import Visit, shared
from tests.browser.test_pages import faults
from tests.web.pages.site import Site
from tests.web.pages.test_modules import furnish

Open = Callable[..., Awaitable[Visit]]


@shared
async def address(site: Site) -> AsyncIterator[str]:
    """Where a site with modules is served."""
    async with TestServer(await furnish(site)) as server:
        yield str(server.make_url("/")).rstrip("/")


async def test_the_modules_are_read_and_acted_on(site: Site, visit: Open) -> None:
    window = await visit(color_scheme="dark", viewport={"width": 360, "height": 800})
    await window.sign_in("otto")
    page = await window.open("/modules/old")  # the others are looked at with all pages
    assert await faults(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")

    page = await window.open("/modules")
    await page.get_by_role("link", name="soc").click()
    await page.get_by_role("button", name="Send a test").click()
    await expect(page.get_by_role("status").filter(has_text="HTTP status 503")).to_be_visible()
    await page.get_by_role("button", name="Pause").click()
    await expect(page.locator("#module-state")).to_contain_text("paused")
    await page.get_by_role("button", name="Discard letter").click()
    await expect(page.locator("#letters-head")).to_have_count(0)
    assert await deliveries.dead(site.db, "soc") == []
    assert (await deliveries.get(site.db, "soc")).paused  # type: ignore[union-attr]
    await deliveries.pause(site.db, "soc", paused=False)
    site.bus.publish("module.changed", {"name": "soc", "state": "running"})
    await expect(page.locator("#module-state")).to_contain_text("waits for its target", timeout=5_000)
