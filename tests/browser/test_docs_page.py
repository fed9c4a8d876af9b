"""The API's page in a real browser, under our policy and without Internet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from playwright.async_api import expect

from tests.browser.conftest import Visit
from tests.web.pages.site import Site

Open = Callable[..., Awaitable[Visit]]


async def test_the_api_is_shown_and_tried_from_its_page(site: Site, visit: Open) -> None:
    one = await visit()
    await one.sign_in()
    page = await one.open("/docs")
    await expect(page.locator(".opblock")).not_to_have_count(0)
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Pumpkin")
    await expect(page.get_by_role("heading", name="Warning")).to_have_count(0)
    block = page.locator(".opblock", has_text="/system/info")
    for _ in range(100):  # of a long list only what is near is drawn
        if await block.count():
            break
        await page.mouse.wheel(0, 500)
        await page.wait_for_timeout(50)
    await block.locator(".opblock-summary-control").click()
    await block.get_by_role("button", name="Try it out").click()
    await block.get_by_role("button", name="Execute").click()
    await expect(block.locator(".live-responses-table").first).to_contain_text("python_version")
