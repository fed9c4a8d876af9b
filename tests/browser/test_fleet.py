"""The fleet's pages in a browser: a person makes the line, gives several probes a job, and watches it being done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestServer
from playwright.async_api import Page, expect

from pumpkin.store import assignments
from tests.browser.conftest import Visit, shared
from tests.browser.furniture import EVIL
from tests.browser.test_pages import Open, faults
from tests.web.pages.site import PROBE, Site, observation
from tests.web.pages.test_fleet import with_fleet


@shared
async def address(site: Site, tmp_path: Path) -> AsyncIterator[str]:
    """Where the site with a fleet is served."""
    async with TestServer(with_fleet(site, tmp_path)) as server:
        yield str(server.make_url("/")).rstrip("/")


async def wide(page: Page) -> int:
    over: Any = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return int(over)


async def test_a_probe_is_enrolled_and_several_do_a_job_while_the_page_is_watched(site: Site, visit: Open) -> None:
    other = "a-second-probe-with-a-long-name@pumpkin.example"
    await site.agent()
    await site.agent(other)
    window: Visit = await visit(color_scheme="dark", viewport={"width": 340, "height": 800})
    page = await window.sign_in("otto")
    await window.open("/agents")
    await page.get_by_role("link", name="Enrol a probe").click()
    assert await faults(page) == []
    await page.get_by_label("Tags").fill("roof")
    await page.get_by_role("button", name="Make the line").click()
    await expect(page.locator("#line")).to_contain_text("--pinnedpubkey")
    assert await faults(page) == []
    assert await wide(page) <= 0

    await window.open("/jobs")
    assert await faults(page) == []
    await page.get_by_label("Ready probe").select_option("system")
    await page.get_by_label("Target", exact=True).fill(EVIL[:60])
    await page.get_by_label("Probes", exact=True).select_option([PROBE, other])
    await page.get_by_role("button", name="Assign").click()
    await expect(page.locator("h1")).to_have_text("system#1")
    await expect(page.locator("#probes")).to_contain_text("0 of 2 answered")
    assert await faults(page) == []
    assert await wide(page) <= 0

    [job] = await assignments.standing(site.db)
    for agent in (PROBE, other):
        await site.receive(observation(agent=agent, detail={"status": "ok", "labels": {"job": job.name}}))
    await expect(page.locator("#probes")).to_contain_text("2 of 2 answered")
    await window.open("/jobs")
    assert await wide(page) <= 0
