"""Live pages under a person's hands: a line that is dead, a clock that is off, a keyboard and a selection at work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from playwright.async_api import Page, Route, expect

from tests.browser.conftest import Relay, Visit
from tests.web.pages.site import Site, observation

Open = Callable[..., Awaitable[Visit]]

_AT = "document.activeElement.getAttribute('href') ?? document.activeElement.tagName"
DAY_S = 86_400


async def live(window: Visit, path: str, person: str = "vera") -> Page:
    """The page, when it is live."""
    await window.sign_in(person)
    page = await window.open(path)
    await expect(page.locator("#link-state")).to_have_text("live", timeout=15_000)
    return page


async def came(site: Site, page: Page, type: str) -> None:
    """A check of this type comes in and is shown."""
    await site.receive(observation(type=type))
    await expect(page.get_by_role("link", name=type)).to_be_visible(timeout=15_000)


def seconds_ago(seconds: float) -> int:
    """Microseconds since 1970."""
    return int((time.time() - seconds) * 1_000_000)


async def test_a_line_that_leads_nowhere_is_given_up_and_what_was_missed_is_caught_up(
    site: Site, visit: Open, relay: Relay
):
    window = await visit()
    window.base = f"http://127.0.0.1:{relay.port}"
    await window.page.clock.install()
    page = await live(window, "/checks")
    relay.hang()
    await site.receive(observation(type="missed-meanwhile"))
    await page.clock.fast_forward(25_000)
    await expect(page.locator("#link-state")).to_have_text("connection lost")
    await expect(page.locator("#lost-bar")).to_contain_text("What you see may be old")
    await expect(page.get_by_role("link", name="missed-meanwhile")).to_have_count(0)
    relay.flow()
    async with asyncio.timeout(30):
        while not await page.get_by_role("link", name="missed-meanwhile").count():
            await page.clock.fast_forward(1_000)
            await asyncio.sleep(0.05)
    await expect(page.locator("#link-state")).to_have_text("live", timeout=20_000)
    await expect(page.locator("#lost-bar")).to_be_hidden()
    window.complaints.clear()
    window.foreign.clear()  # the relay's own address


async def test_a_line_that_is_told_to_live_is_kept(site: Site, visit: Open):
    window, lines = await visit(), list[str]()
    window.page.on("websocket", lambda line: lines.append(line.url))
    await window.page.clock.install()
    page = await live(window, "/checks")
    lines[:-1] = []
    for number in range(2):
        await came(site, page, f"arrival-{number}")  # what is told says as much as a beat
        await page.clock.fast_forward(15_000)
    await came(site, page, "last-arrival")
    await expect(page.locator("#link-state")).to_have_text("live")
    assert len(lines) == 1


async def test_pages_that_cannot_be_fetched_are_said_to_be_behind_until_they_can(site: Site, visit: Open):
    window = await visit()
    await window.page.clock.install()
    page = await live(window, "/checks")

    async def refuse(route: Route) -> None:
        await route.fulfill(status=503)

    await page.route("**/checks", refuse)
    async with page.expect_response("**/checks"):
        await site.receive(observation(type="missed-meanwhile"))
    async with page.expect_response("**/checks"):
        await page.clock.fast_forward(3_000)
    await expect(page.locator("#link-state")).to_have_text("not up to date")
    await page.unroute("**/checks")
    await page.clock.fast_forward(5_000)
    await expect(page.get_by_role("link", name="missed-meanwhile")).to_be_visible(timeout=15_000)
    await expect(page.locator("#link-state")).to_have_text("live")
    window.complaints[:] = [words for words in window.complaints if "503" not in words]


async def test_a_page_is_held_as_it_is_and_let_go_again(site: Site, visit: Open):
    window, other = await visit(), await visit()
    page, watched = await live(window, "/"), await live(other, "/")
    await page.get_by_role("button", name="Hold").click()
    await expect(page.locator("#link-state")).to_have_text("held")
    await came(site, watched, "came-while-held")
    await expect(page.get_by_role("link", name="came-while-held")).to_have_count(0)
    await page.get_by_role("button", name="Follow").click()
    await expect(page.locator("#link-state")).to_have_text("live")
    await expect(page.get_by_role("link", name="came-while-held")).to_be_visible(timeout=15_000)


async def test_how_long_ago_is_by_the_servers_clock_however_the_readers_is_set(site: Site, visit: Open):
    await site.receive(observation(observed=seconds_ago(9_000)))
    window = await visit(locale="en-GB")
    await window.page.clock.install(time=datetime.now(UTC) + timedelta(hours=3))
    page = await live(window, "/checks")
    await expect(page.locator("#found time[data-form=ago]")).to_have_text("2 hr ago")
    await page.clock.set_system_time(datetime.now(UTC) - timedelta(days=3))
    await came(site, page, "fresh-arrival")
    await page.clock.fast_forward(5_000)
    await expect(page.locator("#found time[data-form=ago]").last).to_have_text("2 hr ago")


async def test_a_distance_is_in_words_that_fit_and_a_far_one_is_a_date(site: Site, visit: Open):
    fits = {
        30 * 3_600: "30 hr ago",
        3.5 * DAY_S: "3 days ago",
        20 * DAY_S: "2 wk ago",
        59 * DAY_S: "8 wk ago",
        200 * DAY_S: "6 mo ago",
        1_000 * DAY_S: "2 yr ago",
        -20 * DAY_S: "in 2 wk",
    }
    for distance in fits:
        await site.receive(observation(observed=seconds_ago(distance)))
    await site.receive(observation(observed=253_370_764_800_000_000))
    window = await visit(locale="en-GB", timezone_id="UTC")
    await window.page.clock.install(time=datetime.now(UTC) - timedelta(hours=3))
    page = await live(window, "/checks")
    shown = await page.locator("#found time[data-form=ago]").all_inner_texts()
    assert shown == ["1 Jan 9999", *reversed(fits.values())]


async def test_the_keyboard_keeps_its_place_while_checks_come_in(site: Site, visit: Open):
    for number in range(3):
        await site.receive(observation(type=f"old-{number}", detail={"target": f"host-{number}"}))
    window = await visit()
    page = await live(window, "/checks")
    await page.get_by_role("link", name="host-1").focus()
    at = await page.evaluate(_AT)
    await came(site, page, "fresh-arrival")
    assert await page.evaluate(_AT) == at
    await page.keyboard.press("Tab")
    assert "/agents/" in await page.evaluate(_AT)


async def approved(site: Site, page: Page, *names: str) -> None:
    """These newcomers are let in by somebody else, and the page shows it."""
    for name in names:
        await site.approve(f"{name}@pumpkin.example", "otto")
    site.bus.publish("presence.changed", {"jid": f"{names[0]}@pumpkin.example", "show": "unavailable", "status": ""})
    for name in names:
        gone = page.get_by_role("button", name=f"Approve {name}@pumpkin.example")
        await expect(gone).to_have_count(0, timeout=15_000)


async def test_a_row_that_went_leaves_the_keyboard_where_it_was(site: Site, visit: Open):
    for name in ("one", "two", "three"):
        await site.agent(f"{name}@pumpkin.example", state="pending")
    window = await visit()
    page = await live(window, "/agents", "ada")
    await page.get_by_role("button", name="Approve two@pumpkin.example").focus()
    await approved(site, page, "two")
    focused = await page.evaluate("document.activeElement.textContent")
    assert "one@pumpkin.example" in focused or "three@pumpkin.example" in focused
    await approved(site, page, "one", "three")
    assert await page.evaluate("document.activeElement.id") == "pending"


async def test_what_is_selected_stays_selected_while_checks_come_in(site: Site, visit: Open):
    await site.receive(observation(type="old", detail={"target": "host-to-copy"}))
    window = await visit()
    page = await live(window, "/checks")
    await page.get_by_role("link", name="host-to-copy").select_text()
    await came(site, page, "fresh-arrival")
    assert await page.evaluate("getSelection().toString()") == "host-to-copy"


async def test_what_came_while_somebody_typed_is_shown_when_they_are_done(site: Site, visit: Open):
    await site.agent("new@pumpkin.example", state="pending")
    window = await visit()
    page = await live(window, "/agents", "ada")
    await page.evaluate("document.querySelector('#pending').append(document.createElement('textarea'))")
    await page.locator("#pending textarea").fill("half a sen")
    await site.agent("next@pumpkin.example", state="pending")
    async with page.expect_response("**/agents"):
        site.bus.publish("presence.changed", {"jid": "next@pumpkin.example", "show": "unavailable", "status": ""})
    await expect(page.locator("#pending textarea")).to_have_value("half a sen")
    await page.locator("#pending textarea").blur()
    await expect(page.get_by_role("button", name="Approve next@pumpkin.example")).to_be_visible()


async def test_nobody_comes_under_the_pointer_of_who_is_about_to_approve(site: Site, visit: Open):
    await site.agent("zz-good@pumpkin.example", state="pending")
    window = await visit()
    page = await live(window, "/agents", "ada")
    meant = page.get_by_role("button", name="Approve zz-good@pumpkin.example")
    await meant.hover()
    await site.agent("aa-evil@pumpkin.example", state="pending")
    async with page.expect_response("**/agents"):
        site.bus.publish("presence.changed", {"jid": "aa-evil@pumpkin.example", "show": "unavailable", "status": ""})
    other = page.get_by_role("button", name="Approve aa-evil@pumpkin.example")
    assert await meant.evaluate("button => button.matches(':hover')")
    assert await other.count() == 0
    await page.mouse.move(1, 1)
    await expect(other).to_be_visible(timeout=15_000)
    first, second = await meant.bounding_box(), await other.bounding_box()
    assert first
    assert second
    assert first["y"] < second["y"]


_ANY = """() => {
  let seed = 7;
  const any = (most) => (seed = (seed * 48271) % 2147483647) % most;
  const tags = ["ul", "li", "p", "a", "details"];
  const tree = (deep) => Array.from({ length: any(5) }, () => {
    if (any(4) === 0) return [" ", "words ", "more"][any(3)];
    const tag = tags[any(tags.length)];
    const name = ["", "", ` data-key="k${any(6)}"`, ` id="i${any(6)}"`][any(4)];
    return `<${tag}${name}${any(3) ? "" : ` class="c${any(3)}"`}>${deep ? tree(deep - 1) : any(9)}</${tag}>`;
  }).join("");
  const part = document.querySelector("#found");
  const wrong = [];
  for (let number = 0; number < 300; number += 1) {
    const { body } = new DOMParser().parseFromString(tree(2), "text/html");
    const before = part.innerHTML;
    const after = body.innerHTML;
    renew(part, body);
    if (part.innerHTML !== after) wrong.push([before, after, part.innerHTML]);
  }
  return wrong.slice(0, 3);
}"""


async def test_a_part_becomes_what_it_is_to_be_whatever_it_was(site: Site, visit: Open):
    window = await visit()
    page = await live(window, "/checks")
    assert await page.evaluate(_ANY) == []
