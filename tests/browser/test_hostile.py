"""Hostile text in every field a stranger fills: shown as text, never run, never breaking the layout."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.furniture import EVIL, furnish
from tests.browser.test_pages import faults
from tests.web.pages.site import PROBE, Site

Open = Callable[..., Awaitable[Visit]]

_RUN = """() => {
  const all = [...document.querySelectorAll("*")];
  const to = [...document.querySelectorAll("a[href], form[action]")];
  const inline = "script:not([src]), img[src=x], svg[onload], iframe, object, embed, base, form[action*='evil']";
  return {
    ran: "pwned" in window,
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    inline: document.querySelectorAll(inline).length,
    handlers: all.filter((one) => [...one.attributes].some((name) => name.name.startsWith("on"))).length,
    links: to.map((one) => one.getAttribute("href") ?? one.getAttribute("action"))
      .filter((one) => /^\\s*(javascript|data|vbscript):/i.test(one)),
    hidden: /[\\u202a-\\u202e\\u2066-\\u2069\\u0000-\\u0008\\u001b]/.test(document.body.innerText),
  };
}"""


async def looked(page: Page) -> dict[str, object]:
    """What is wrong with a page that was shown hostile text; empty when nothing is."""
    found = await page.evaluate(_RUN)
    return {name: value for name, value in found.items() if value and value != []}


BREAKOUT = (
    "javascript:window.pwned=1//</title></textarea></style></script><svg onload=window.pwned=1>{{7*7}}${7*7}<!--"
    '"><iframe srcdoc="<script>parent.pwned=1</script>"></iframe><base href=//evil.example><form action=//evil>'
)
WIDTHS = (320, 360, 768, 1600)
_ELSEWHERE = {
    "/login": "every test signs in by it",
    "/login/code": "asked for between password and session: test_acts",
    "/login/openid": "leads away: tests/web/pages/test_openid.py",
    "/login/openid/back": "comes back: tests/web/pages/test_openid.py",
    "/checks/{id}/picture": "a picture, no page: test_payload.py",
}
"""Addresses of pages that show nothing a stranger wrote, or are no page, and where they are tried."""


async def test_every_page_there_is_is_among_those_that_are_looked_at(site: Site):
    """A new page cannot be forgotten: each address the pages register is met by one of those that are furnished."""
    made = await furnish(site)
    seen = [path.partition("?")[0] for path in made.paths()]
    unseen = []
    for route in site.app.router.routes():
        found = route.resource
        if route.method != "GET" or found is None or not route.handler.__module__.startswith("pumpkin.web.pages"):
            continue
        address = found.canonical
        if address.startswith("/api/") or address in _ELSEWHERE:
            continue
        told = found.get_info()
        fits = [
            one for one in seen if one == told.get("path") or ("pattern" in told and told["pattern"].fullmatch(one))
        ]
        if not fits:
            unseen.append(address)
    assert unseen == []


@pytest.mark.parametrize("evil", [EVIL, BREAKOUT], ids=["script", "breakout"])
async def test_nothing_stored_is_run_anywhere_and_no_page_is_wider_than_the_screen(site: Site, visit: Open, evil: str):
    made = await furnish(site, evil)
    window = await visit(viewport={"width": 1024, "height": 800})
    await window.sign_in()
    wrong: dict[str, object] = {}
    for path in made.paths():
        page = await window.open(path)
        found = await looked(page)
        for width in WIDTHS if evil == EVIL else ():
            await page.set_viewport_size({"width": width, "height": 800})
            over = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            if over > 0:
                found[f"wide at {width}"] = over
        if found:
            wrong[path] = found
    assert wrong == {}
    window.complaints[:] = [one for one in window.complaints if "404" not in one]


async def test_an_agents_form_and_answer_are_text(site: Site, visit: Open):
    """What an agent asks for by XEP-0050: every kind of field, its options, notes, a table, its own HTML."""
    await furnish(site, BREAKOUT)
    window = await visit(viewport={"width": 360, "height": 800})
    await window.sign_in()
    page = await window.open(f"/agents/{PROBE}/commands")
    await page.get_by_role("button", name="Run").click()
    await expect(page.get_by_role("button", name="Do it")).to_be_visible()
    assert await looked(page) == {}
    assert await faults(page) == []


async def test_what_comes_in_live_is_text_too(site: Site, visit: Open):
    await site.agent()
    window = await visit()
    await window.sign_in()
    page = await window.open(f"/agents/{PROBE}")
    await expect(page.locator("#link-state")).to_have_text("live")
    await site.message(EVIL, {EVIL: EVIL})
    site.bus.publish("message.received", {"from": PROBE, "to": "", "performative": EVIL, "id": "1"})
    await expect(page.locator("#messages")).to_contain_text("<script>alert(1)</script>", timeout=5_000)
    assert await looked(page) == {}


async def test_ten_megabytes_in_a_line_are_shown_cut_and_quickly(site: Site, visit: Open):
    line = ("<b>" + "x" * 997) * 10_000
    made = await furnish(site, payload=line.encode())
    await site.message(line, {"performative": "inform"}, stanza=line)
    window = await visit(viewport={"width": 390, "height": 844})
    await window.sign_in()
    for path in (f"/checks/{made.check}", f"/agents/{PROBE}", "/checks", f"/checks/{made.check}/difference"):
        begun = time.monotonic()
        page = await window.open(path)
        assert await looked(page) == {}, path
        assert len(await page.content()) < 1_000_000, path
        assert time.monotonic() - begun < 20, path
