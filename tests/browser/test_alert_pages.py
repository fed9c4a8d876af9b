"""Alerts as people see and handle them, in a real browser."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import expect

from pumpkin.model.alerts import Alert, Link, Subject
from pumpkin.model.alerts.book import Change
from pumpkin.store import alerts, audit
from pumpkin.web.alerts import Correlation
from tests.browser.conftest import Visit, shared
from tests.browser.furniture import EVIL
from tests.browser.test_pages import faults
from tests.web.pages.site import PROBE, Site, observation

Open = Callable[..., Awaitable[Visit]]
STATUS: dict[str, Any] = {
    "state": "running",
    "last_error": None,
    "file": "/var/lib/pumpkin/alerts.toml",
    "error": f"The rules are not right: {EVIL}",
    "faults": [{"code": "rules_bad_value", "line": 3, "rule": "web", "field": "window", "message": EVIL}],
    "behind": 12,
    "rules": [
        {
            **{"name": name, "kind": "expected", "severity": severity, "enabled": True, "groups": 4, "firing": 1},
            **{"forgotten": 0, "overflow": 7, "last_error": "TypeError: odd"},
        }
        for name, severity in (("web", "critical"), ("disk", "warning"), ("news", "info"))
    ],
    "dependencies": [{"parent": "gw@pumpkin.example", "children": {"site": ["hall-7"]}}],
}


async def raised(site: Site, *changes: str, **more: Any) -> Alert:
    """An alert that went through these changes, on a check of its own."""
    seen = observation(detail={"target": "shop", "status": "critical"})
    receipt = await site.receive(seen)
    now = time.time_ns() // 1_000
    values: dict[str, Any] = {
        **{"rule": "web", "kind": "expected", "key": str(uuid4()), "severity": "critical", "state": "open"},
        **{
            "message": "shop answers 503, not 200",
            "subject": Subject(PROBE, "http", "shop", "hall-7", {"env": "prod"}),
        },
        **{"value": 503, "checks": (Link(seen.id, receipt.seq),), "to": ("oncall",), **more},
    }
    alert = Alert(id=uuid4(), opened=now, updated=now, announced=now, **values)
    made = [Change("opened", alert, now)]
    if "escalated" in changes:
        made.append(
            Change("escalated", replace(alert, step=1), now, detail={"step": 1, "severity": "critical", "to": ["lead"]})
        )
    if "resolved" in changes:
        made.append(Change("resolved", replace(alert, why=EVIL), now))
    async with site.db.writer() as connection, connection.transaction():
        await alerts.apply(connection, site.db.queries, made)
    return alert


@shared
async def site(site: Site) -> Site:
    """With a status of correlation, as the services give it; it is read at each page."""
    object.__setattr__(site.services, "correlation", Correlation(lambda: STATUS))
    return site


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 360)])
async def test_no_page_of_alerts_has_a_serious_fault_of_access_or_is_too_wide(
    site: Site, visit: Open, scheme: str, width: int
):
    one = await raised(site, "escalated")
    await raised(
        site, "resolved", severity="warning", message=EVIL, value={EVIL: 3}, subject=Subject(EVIL, EVIL, EVIL, EVIL)
    )
    await raised(site, severity="info", muted="silence:1", value=None)
    await alerts.acted(site.db, one.id, one.opened, {"do": "ask", "agent": PROBE, "ok": False, "error": EVIL})
    window = await visit(color_scheme=scheme, viewport={"width": width, "height": 800})
    await window.sign_in("otto")
    found = {}
    for path in ("/alerts", one.address, "/alerts/rules", "/alerts/mutes", "/"):
        page = await window.open(path)
        over = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        found[path] = [*await faults(page), *([("too wide", [str(over)])] if over > 0 else [])]
    assert {path: some for path, some in found.items() if some} == {}


async def test_an_alert_is_handled_from_the_first_page_to_its_end(site: Site, visit: Open):
    alert = await raised(site)
    window = await visit()
    await window.sign_in("otto")
    page = await window.open("/")
    await page.get_by_role("link", name="shop answers 503, not 200").first.click()
    await expect(page.locator("h1")).to_have_text("shop answers 503, not 200")
    await page.fill("#text", "it is the disk")
    await page.get_by_role("button", name="Acknowledge").click()
    await expect(page.locator("#history")).to_contain_text("acknowledged: it is the disk")
    await page.get_by_text("Silence it").click()
    await page.fill("#reason", "known")
    await page.get_by_role("button", name="Silence", exact=True).click()
    page = await window.open("/alerts/mutes")
    await expect(page.locator("#mutes")).to_contain_text("rule=web")
    await page.get_by_role("button", name="End").click()
    await expect(page.locator("#mutes")).to_contain_text("Nothing is mute")
    page = await window.open(alert.address)
    await page.get_by_role("button", name="Resolve").click()
    await expect(page.locator("#about")).to_contain_text("by user:otto")
    page = await window.open("/")
    await expect(page.locator("#now")).not_to_contain_text("shop answers")
    acts = [one.act for one in await audit.page(site.db, who="user:otto")]
    assert acts == ["alert.resolved", "silence.ended", "silence.added", "alert.acknowledged"]


async def test_a_window_is_planned_and_a_fault_of_the_form_is_told(site: Site, visit: Open):
    window = await visit(java_script_enabled=False)
    await window.sign_in("otto")
    page = await window.open("/alerts/mutes")
    await page.fill("#reason", "patch day")
    await page.get_by_role("button", name="Plan maintenance").click()
    await expect(page.get_by_role("alert").first).to_contain_text("That would mute every alert.")
    await page.fill("#site", "hall-7")
    await page.get_by_role("button", name="Plan maintenance").click()
    await expect(page.get_by_role("alert").first).to_have_text("To: is not a time (RFC 3339).")
    await page.fill("#starts", "2026-11-22T00:00")
    await page.fill("#ends", "2026-11-21T00:00")
    await page.get_by_role("button", name="Plan maintenance").click()
    await expect(page.get_by_role("alert").first).to_have_text("It ends before it starts.")
    await expect(page.locator("#reason")).to_have_value("patch day")
    await page.fill("#site", "hall-7, hall-8")
    await page.fill("#starts", "2026-11-22T00:00")
    await page.fill("#ends", "2090-11-22T00:00")
    await page.fill("#cron", "0 3 * * 0")
    await page.press("#cron", "Enter")
    await expect(page.get_by_role("alert").first).to_contain_text("a silence begins now")
    await expect(page.locator("#mutes")).to_contain_text("Nothing is mute")
    await expect(page.locator("#cron")).to_have_value("0 3 * * 0")
    await page.get_by_role("button", name="Plan maintenance").click()
    await expect(page.locator("#mutes")).to_contain_text("site=hall-7|hall-8")
    window.complaints[:] = [one for one in window.complaints if "400" not in one]


async def test_who_was_late_at_an_alert_loses_nothing_that_was_typed(site: Site, visit: Open):
    alert = await raised(site)
    window = await visit(java_script_enabled=False)
    await window.sign_in("otto")
    page = await window.open(alert.address)
    await page.get_by_text("Silence it").click()
    await page.fill("#lasts", "999w")
    await page.fill("#reason", "known, and long")
    await page.get_by_role("button", name="Silence", exact=True).click()
    await expect(page.get_by_role("alert").first).to_have_text("For how long: is not up to 366 days.")
    await expect(page.locator("#lasts")).to_have_value("999w")
    await expect(page.locator("#reason")).to_have_value("known, and long")
    await expect(page.locator("#text")).to_have_value("")
    await page.fill("#text", "a long thought")
    await alerts.resolve(site.db, alert.id, "user:ada")
    await page.get_by_role("button", name="Acknowledge").click()
    await expect(page.get_by_role("alert").first).to_contain_text("not open any more")
    await expect(page.locator("h1")).to_have_text("shop answers 503, not 200")
    await expect(page.locator("#text")).to_have_value("a long thought")
    await expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
    await page.get_by_role("button", name="Comment").click()
    await expect(page.locator("#history")).to_contain_text("a long thought")
    window.complaints[:] = [one for one in window.complaints if "status of 4" not in one]


async def test_who_reads_only_sees_no_buttons_and_an_alert_appears_by_itself(site: Site, visit: Open):
    window = await visit()
    await window.sign_in("vera")
    page = await window.open("/alerts")
    await expect(page.locator("#link-state")).to_have_text("live")
    alert = await raised(site)
    site.bus.publish("alert.raised", alert.as_json())
    await expect(page.get_by_role("link", name="shop answers 503, not 200")).to_be_visible(timeout=8_000)
    page = await window.open(alert.address)
    await expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
