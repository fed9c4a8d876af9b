"""What a person does on the pages, one act after the other: people, sessions, second factors, searches, comparing."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable

import pyotp
from playwright.async_api import expect

from pumpkin.store import agents, audit, people, sessions
from tests.browser.conftest import Visit
from tests.browser.furniture import furnish
from tests.web.pages import recorded
from tests.web.pages.site import PASSWORDS, PROBE, Site, observation

Open = Callable[..., Awaitable[Visit]]


async def test_an_administrator_keeps_people(site: Site, visit: Open):
    window = await visit()
    await window.sign_in()
    page = await window.open("/settings/people")
    await page.fill("#name", "grace")
    await page.select_option("#role", "operator")
    await page.get_by_role("button", name="Add").click()
    once = await page.locator(".notice pre").inner_text()
    assert await people.verify(site.db, "grace", once) is not None
    row = page.locator("tr", has_text="grace")
    await row.locator("summary").click()
    await row.get_by_label("Role").select_option("viewer")
    await row.get_by_role("button", name="Give this role").click()
    await expect(page.locator("tr", has_text="grace")).to_contain_text("viewer")
    row = page.locator("tr", has_text="ada")
    await row.locator("summary").click()
    await row.get_by_role("button", name="Remove").click()
    await expect(page.get_by_role("alert").filter(has_text="only administrator")).to_be_visible()
    assert await people.get(site.db, "ada") is not None
    window.complaints[:] = [one for one in window.complaints if "409" not in one]
    page = await window.open("/settings/audit")
    await expect(page.locator("table")).to_contain_text("person.role")


async def test_a_second_factor_is_set_up_asked_for_and_taken_away(site: Site, visit: Open):
    window = await visit()
    await window.sign_in("vera")
    page = await window.open("/account")
    await page.locator("#set-up > summary").click()
    await expect(page.locator("svg.qr")).to_be_visible()
    secret = await page.locator("input[name=secret]").input_value()
    await page.fill("#code", "000000")
    await page.get_by_role("button", name="Turn on").click()
    await expect(page.get_by_role("alert").filter(has_text="not the code")).to_be_visible()
    assert await page.locator("input[name=secret]").input_value() == secret
    now = pyotp.TOTP(secret)
    used = now.now()
    await page.fill("#code", used)
    await page.get_by_role("button", name="Turn on").click()
    await expect(page.locator("#factor-head + .mark")).to_have_text("on")
    await page.get_by_role("button", name="Sign out").click()
    page = await window.sign_in("vera", PASSWORDS["vera"])
    await expect(page.locator("h1")).to_have_text("Second factor")
    await page.fill("#code", used)
    await page.get_by_role("button", name="Go on").click()
    await expect(page.get_by_role("alert").filter(has_text="used before")).to_be_visible()
    await page.fill("#code", now.generate_otp(int(time.time()) // 30 + 1))
    await page.get_by_role("button", name="Go on").click()
    await expect(page.locator("h1")).to_have_text("Overview")
    page = await window.open("/account")
    await page.locator("#without > summary").click()
    await page.fill("#password", PASSWORDS["vera"])
    await page.get_by_role("button", name="Take the second factor away").click()
    await expect(page.locator("#factor-head + .mark")).to_have_text("off")
    window.complaints[:] = [one for one in window.complaints if not re.search("40[01]", one)]


async def test_another_session_is_seen_and_ended(site: Site, visit: Open):
    other = await sessions.open(site.db, "vera", seconds=600, source="198.51.100.9", client="a browser far away")
    window = await visit()
    await window.sign_in("vera")
    page = await window.open("/account")
    row = page.locator("li", has_text="a browser far away")
    await expect(row).to_contain_text("198.51.100.9")
    await row.get_by_role("button").click()
    await expect(page.locator("li", has_text="a browser far away")).to_have_count(0)
    assert await sessions.get(site.db, other) is None


async def test_a_search_is_kept_and_forgotten(site: Site, visit: Open):
    await site.receive(observation(detail={"target": "198.51.100.7", "status": "critical"}))
    window = await visit()
    await window.sign_in("vera")
    page = await window.open("/checks?status=critical")
    await page.locator("#keep > summary").click()
    await page.fill("#search-name", "what fails")
    await page.get_by_role("button", name="Keep", exact=True).click()
    page = await window.open("/checks")
    await page.get_by_role("link", name="what fails").click()
    await expect(page.locator("select#status")).to_have_value("critical")
    await page.get_by_role("button", name="Forget what fails").click()
    await expect(page.get_by_role("link", name="what fails")).to_have_count(0)


async def test_a_check_is_compared_plotted_and_shared(site: Site, visit: Open):
    for number in range(4):
        result = {"parser": "json", "version": "1", "data": {"latency_ms": 10 + number * 7}}
        one = observation(
            payload=f'{{"latency": {10 + number * 7}, "fine": true}}'.encode(),
            detail={
                "target": "web.example",
                "status": "ok",
                "result": result,
                "run": {"duration_s": 0.1 * (1 + number)},
            },
            observed=1_795_000_000_000_000 + number * 60_000_000,
        )
        await site.receive(one)
    await site.stamp(await site.seal())
    window = await visit()
    await window.sign_in("vera")
    page = await window.open(f"/checks/{one.id}")
    assert "latency_ms: 4 results, now 31, from 10 to 31" in str(
        await page.locator("svg.trend").nth(1).get_attribute("aria-label")
    )
    share = await page.locator("#share").input_value()
    assert share.endswith(f"/proof/{one.id}")
    await page.get_by_role("link", name="what changed").click()
    await expect(page.locator(".difference .gone")).to_contain_text('"latency": 24')
    await expect(page.locator(".difference .new")).to_contain_text('"latency": 31')
    stranger = await visit()
    page = await stranger.open(share.removeprefix(stranger.base))
    await expect(page.locator("h1")).to_contain_text("Proof of record 3")
    assert "latency" not in await page.content()


async def test_two_reports_are_chosen_and_compared(site: Site, visit: Open):
    await furnish(site)
    window = await visit()
    await window.sign_in()
    page = await window.open("/packages/history?ecosystem=pypi&name=thing")
    await page.get_by_role("button", name="Compare").click()
    await expect(page.locator(".difference .new").first).to_contain_text("plain")


async def test_a_form_whose_session_ended_is_sent_after_signing_in_again(site: Site, visit: Open):
    await site.agent()
    window = await visit()
    await window.sign_in()
    page = await window.open(f"/agents/{PROBE}")
    await page.locator("#send > summary").click()
    await page.fill("#body", "a long thought\nover two lines")
    await sessions.end_others(site.db, "ada")
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(page.get_by_role("status").filter(has_text="What you typed")).to_be_visible()
    await page.fill("#name", "ada")
    await page.fill("#password", PASSWORDS["ada"])
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.locator("textarea[name=body]")).to_have_value("a long thought\nover two lines")
    assert site.acts == []
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("status").filter(has_text="The message is sent.")).to_be_visible()
    assert site.acts == [("message", PROBE, "a long thought\r\nover two lines", {"performative": "inform"})]
    window.complaints[:] = [one for one in window.complaints if "401" not in one]


async def test_a_machine_and_the_next_hour_are_drawn(site: Site, visit: Open):
    graph = {"watch": {"ok": "watch", "critical": "alarm"}, "alarm": {"*": "watch"}}
    await site.agent(detail={"graph": graph, "start": "watch", "at": "alarm"})
    window = await visit()
    await window.sign_in("vera")
    page = await window.open(f"/agents/{PROBE}")
    said = str(await page.locator("svg.machine").get_attribute("aria-label"))
    assert "now at alarm" in said
    assert "watch to alarm on critical" in said
    await expect(page.locator("svg.timetable")).to_be_visible()


async def test_the_status_page_names_nobody(site: Site, visit: Open):
    await site.agent(show="unavailable")
    await site.receive(observation(detail={"target": "secret.example", "status": "critical"}))
    window = await visit()
    page = await window.open("/status")
    await expect(page.get_by_role("status")).to_contain_text("1 of 1 agents unavailable")
    text = await page.content()
    assert PROBE not in text
    assert "secret.example" not in text


async def test_settings_and_the_trail_are_for_administrators(site: Site, visit: Open):
    assert await agents.get(site.db, PROBE) is None
    window = await visit()
    await window.sign_in("otto", PASSWORDS["otto"])
    for path in ("/settings", "/settings/people", "/settings/audit", "/settings/keys"):
        page = await window.open(path)
        await expect(page.locator("h1")).to_have_text("You may not do that")
    assert [one.act for one in await audit.page(site.db, who="otto")] == ["login"]
    window.complaints[:] = [one for one in window.complaints if "403" not in one]


async def test_names_are_suggested_while_one_types(site: Site, visit: Open):
    async with site.db.writer() as connection:
        await connection.execute("insert into package_names (ecosystem, name) values ('pypi', 'requests')")
    window = await visit()
    await window.sign_in()
    page = await window.open("/packages")
    await page.locator("#purl").press_sequentially("pkg:pypi/requ")
    await expect(page.locator("#purl-list option")).to_have_attribute("value", "pkg:pypi/requests")


async def test_a_page_is_printed_without_its_frame(site: Site, visit: Open):
    one = observation()
    await site.receive(one)
    window = await visit(color_scheme="dark")
    await window.sign_in("vera")
    page = await window.open(f"/checks/{one.id}")
    await page.emulate_media(media="print")
    await expect(page.locator(".rail")).to_be_hidden()
    await expect(page.get_by_role("button", name="Download payload")).to_have_count(0)
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    number = await recorded.put(site, "1.1")
    page = await window.open(f"/packages/reports/{number}")
    await expect(page.locator(".tree summary", has_text="tee /tmp/whoami.txt").last).to_be_visible()
    await expect(page.locator(".requests summary", has_text="/v2/upload")).to_be_visible()
    await expect(page.locator(".jumps")).to_be_hidden()


async def test_words_of_ours_stay_whole_between_phone_and_desk(site: Site, visit: Open):
    """No word of the two widest lists is broken within, at any width."""
    await site.agent("a-probe-with-quite-a-long-name-in-hall-seventeen@pumpkin.example", show="dnd")
    await site.receive(observation(detail={"target": "files.example.org", "status": "critical"}))
    await site.stamp(await site.seal())
    window = await visit()
    await window.sign_in("vera")
    for path in ("/agents", "/checks"):
        page = await window.open(path)
        for width in (320, 768, 900, 1025, 1280, 1600):
            await page.set_viewport_size({"width": width, "height": 800})
            assert await page.evaluate(_BROKEN) == [], (path, width)


_BROKEN = r"""() => {
  const found = [];
  for (const one of document.querySelectorAll("main :is(td, .mark, .tag, .keep, time)")) {
    for (const node of one.childNodes) {
      if (node.nodeType !== Node.TEXT_NODE || !one.checkVisibility()) continue;
      for (const word of node.textContent.matchAll(/[a-z]+/gi)) {
        const range = document.createRange();
        range.setStart(node, word.index);
        range.setEnd(node, word.index + word[0].length);
        if (new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size > 1) found.push(word[0]);
      }
    }
  }
  const type = document.querySelector("main .target bdi, main .who bdi");
  if (type && type.getClientRects().length > 3) found.push(type.textContent);
  return found;
}"""
