"""Pages as one person uses them: signing in, looking, deciding, being kept up to date."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from pumpkin.store import agents, people
from tests.browser.conftest import Relay, Visit
from tests.browser.furniture import furnish
from tests.web.pages.site import PROBE, Site, observation

Open = Callable[..., Awaitable[Visit]]

AXE = Axe().axe_script
_FAULTS = """async (options) => (await axe.run(document, options)).violations
  .filter((one) => ["serious", "critical"].includes(one.impact))
  .map((one) => [one.id, one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160))])"""


async def faults(page: Page, *rules: str) -> list[tuple[str, list[str]]]:
    """What axe finds serious or critical (by these rules, else by all): the rule, and the first elements it names.

    Style sheets are fetched and parsed once more only for the one rule that reads them, css-orientation-lock, when it
    is named: there is one sheet.
    """
    options: dict[str, Any] = {
        "resultTypes": ["violations"],
        "selectors": False,
        "preload": "css-orientation-lock" in rules,
    }
    if rules:
        options["runOnly"] = {"type": "rule", "values": list(rules)}
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE)
    return [(rule, html) for rule, html in await page.evaluate(_FAULTS, options)]


async def test_the_first_administrator_signs_in_and_chooses_a_password(site: Site, visit: Open):
    once = await people.add(site.db, "admin", role="admin", must_change=True)
    window = await visit()
    page = await window.sign_in("admin", once)
    await expect(page.locator("h1")).to_have_text("Choose a password")
    await page.fill("#new", "a walk in the park")
    await page.fill("#again", "a walk in the park")
    await page.click("button.primary")
    await expect(page.locator("h1")).to_have_text("Overview")
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.locator("h1")).to_have_text("Sign in")


async def test_a_deep_link_survives_signing_in(site: Site, visit: Open):
    window = await visit()
    page = await window.open("/checks?status=ok")
    await page.fill("#name", "vera")
    await page.fill("#password", "a quiet viewer")
    await page.keyboard.press("Enter")
    await expect(page.locator("select#status")).to_have_value("ok")


async def test_no_page_has_a_serious_fault_of_access_in_light_or_dark(site: Site, visit: Open):
    """All rules in the light; in the dark, which changes colours only, what is said of colours."""
    made = await furnish(site, run=False)
    window = await visit(color_scheme="light")
    page = await window.open("/login")
    found = {("/login", "light"): await faults(page)}
    await window.sign_in()
    found["/", "turned"] = await faults(page, "css-orientation-lock")
    for path in made.paths():
        page = await window.open(path + "?kind=leak" * path.endswith("/events"))  # rows are all alike
        found[path, "light"] = await faults(page)
        await page.emulate_media(color_scheme="dark")
        found[path, "dark"] = await faults(page, "color-contrast")
        await page.emulate_media(color_scheme="light")
    assert {path: some for path, some in found.items() if some} == {}
    window.complaints[:] = [one for one in window.complaints if "404" not in one]


async def test_every_page_says_the_same_without_script(site: Site, visit: Open):
    made = await furnish(site)
    window = await visit(java_script_enabled=False)
    page = await window.sign_in()
    for path in made.paths():
        page = await window.open(path)
        await expect(page.locator("h1")).to_be_visible()
    page = await window.open("/agents")
    await page.get_by_role("button", name="Approve new@pumpkin.example").click()
    await expect(page.get_by_role("button", name="Approve new@pumpkin.example")).to_have_count(0)
    window.complaints[:] = [one for one in window.complaints if "404" not in one]


async def test_a_new_check_appears_by_itself(site: Site, visit: Open):
    window = await visit()
    await window.sign_in("vera")
    page = await window.open("/checks")
    await expect(page.locator("#link-state")).to_have_text("live")
    await site.receive(observation(type="fresh-arrival"))
    await expect(page.get_by_role("link", name="fresh-arrival")).to_be_visible(timeout=5_000)


async def test_the_tab_counts_what_is_wrong_as_it_comes(site: Site, visit: Open):
    window = await visit()
    await window.sign_in("vera")
    page = await window.open("/")
    await expect(page.locator("#link-state")).to_have_text("live")
    await expect(page).to_have_title("Overview · Pumpkin")
    await site.receive(observation(detail={"status": "critical", "target": "shop"}))
    await expect(page).to_have_title(re.compile(r"^\(\d\) Overview · Pumpkin$"), timeout=5_000)


async def test_a_proof_is_drawn_when_the_stamp_comes(site: Site, visit: Open):
    one = observation()
    await site.receive(one)
    window = await visit()
    await window.sign_in("vera")
    page = await window.open(f"/checks/{one.id}")
    await expect(page.locator("#proof .mark").first).to_have_text("stored")
    await site.stamp(await site.seal())
    await expect(page.locator("#proof .mark").first).to_have_text("stamped", timeout=5_000)
    assert "stamped by local" in (await page.locator("svg.proof-picture").get_attribute("aria-label") or "")


async def test_presence_changes_by_itself(site: Site, visit: Open):
    await site.agent()
    window = await visit()
    await window.sign_in("vera")
    page = await window.open(f"/agents/{PROBE}")
    await expect(page.locator("#presence")).to_contain_text("available")
    await site.agent(show="away")
    site.bus.publish("presence.changed", {"jid": PROBE, "show": "away", "status": ""})
    await expect(page.locator("#presence")).to_contain_text("away", timeout=5_000)


async def test_what_is_being_typed_is_not_swept_away(site: Site, visit: Open):
    await site.agent()
    window = await visit()
    await window.sign_in()
    page = await window.open(f"/agents/{PROBE}")
    await page.locator("#send > summary").click()
    await page.fill("#body", "half a sen")
    await site.message("news", {"performative": "inform"})
    site.bus.publish("message.received", {"from": PROBE, "to": "", "performative": "inform", "id": "1"})
    await expect(page.locator("#messages")).to_contain_text("news", timeout=5_000)
    await expect(page.locator("#body")).to_have_value("half a sen")


async def test_a_person_decides_about_a_newcomer(site: Site, visit: Open):
    await site.agent("new@pumpkin.example", state="pending")
    window = await visit()
    await window.sign_in()
    page = await window.open("/")
    await page.get_by_role("link", name="Decide").click()
    await page.get_by_role("button", name="Refuse new@pumpkin.example").click()
    await expect(page.locator("#pending-head")).to_have_count(0)
    found = await agents.get(site.db, "new@pumpkin.example")
    assert found is not None
    assert found.state == "revoked"


async def test_a_message_is_sent_from_the_page(site: Site, visit: Open):
    await site.agent()
    window = await visit()
    await window.sign_in("otto")
    page = await window.open(f"/agents/{PROBE}")
    await page.locator("#send > summary").click()
    await page.select_option("#performative", "request")
    await page.fill("#body", "scan again")
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(page.get_by_role("status").filter(has_text="The message is sent.")).to_be_visible()
    assert site.acts == [("message", PROBE, "scan again", {"performative": "request"})]


async def test_searching_leads_to_a_link_that_can_be_kept(site: Site, visit: Open):
    await furnish(site)
    window = await visit()
    await window.sign_in("vera")
    page = await window.open("/checks")
    await page.select_option("#status", "critical")
    await page.get_by_role("button", name="Search").click()
    await expect(page.locator("#found tbody tr")).to_have_count(3)
    assert "status=critical" in page.url


async def test_a_key_is_made_and_shown_once(site: Site, visit: Open):
    window = await visit()
    await window.sign_in()
    page = await window.open("/settings/keys")
    await page.fill("#name", "build server")
    await page.get_by_role("button", name="Make key").click()
    await expect(page.locator(".notice pre")).to_contain_text("pk_")
    page = await window.open("/settings/keys")
    await expect(page.locator(".notice pre")).to_have_count(0)


async def test_the_keyboard_reaches_the_page_past_the_navigation(site: Site, visit: Open):
    window = await visit()
    page = await window.sign_in("vera")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()


async def test_times_are_in_the_readers_zone_with_utc_at_hand(site: Site, visit: Open):
    one = observation(observed=1_795_000_000_000_000)
    await site.receive(one)
    window = await visit(timezone_id="Asia/Tokyo", locale="en-GB")
    await window.sign_in("vera")
    page = await window.open(f"/checks/{one.id}")
    time = page.locator("time[data-form=full]").first
    await expect(time).to_have_attribute("title", "2026-11-18 11:06:40.000000 UTC")
    await expect(time).to_contain_text("20:06:40")


async def test_a_network_that_went_away_is_said_and_what_was_missed_is_caught_up(site: Site, visit: Open, address: str):
    window = await visit()
    await window.sign_in("vera")
    page = await window.open("/checks")
    await expect(page.locator("#link-state")).to_have_text("live")
    await window.context.set_offline(True)
    await page.evaluate("window.dispatchEvent(new Event('offline'))")
    await site.receive(observation(type="missed-meanwhile"))
    await expect(page.locator("#lost-bar")).to_be_visible(timeout=15_000)
    await window.context.set_offline(False)
    await expect(page.locator("#link-state")).to_have_text("live", timeout=20_000)
    await expect(page.locator("#lost-bar")).to_be_hidden()
    await expect(page.get_by_role("link", name="missed-meanwhile")).to_be_visible(timeout=5_000)
    window.complaints = [words for words in window.complaints if "ERR_INTERNET_DISCONNECTED" not in words]


async def test_a_server_that_went_away_is_said_and_what_was_missed_is_caught_up(site: Site, visit: Open, relay: Relay):
    window = await visit()
    window.base = f"http://127.0.0.1:{relay.port}"
    await window.sign_in("vera")
    page = await window.open("/checks")
    await expect(page.locator("#link-state")).to_have_text("live")
    await relay.cut()
    await site.receive(observation(type="missed-meanwhile"))
    await expect(page.locator("#lost-bar")).to_be_visible(timeout=15_000)
    await relay.mend()
    await expect(page.locator("#link-state")).to_have_text("live", timeout=20_000)
    await expect(page.locator("#lost-bar")).to_be_hidden()
    await expect(page.get_by_role("link", name="missed-meanwhile")).to_be_visible(timeout=5_000)
    assert all("ERR_CONNECTION" in words or "WebSocket" in words for words in window.complaints)
    window.complaints.clear()
    window.foreign.clear()  # the relay's own address


async def test_an_ended_session_is_said_and_nothing_typed_is_lost(site: Site, visit: Open):
    await site.agent()
    window = await visit()
    await window.sign_in()
    page = await window.open(f"/agents/{PROBE}")
    await page.locator("#send > summary").click()
    await page.fill("#body", "a long thought")
    await people.set_password(site.db, "ada", "another password")
    site.bus.publish("message.received", {"from": PROBE, "to": "", "performative": "inform", "id": "1"})
    await expect(page.locator("#lost-bar")).to_contain_text("Your session has ended", timeout=5_000)
    await expect(page.locator("#body")).to_have_value("a long thought")
    assert all("401" in words for words in window.complaints)
    window.complaints.clear()
