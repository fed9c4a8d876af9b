"""Every act a page offers, done in a browser as one person would; a table names where each is, so none is forgotten."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from aiohttp.test_utils import TestServer
from playwright.async_api import Page, expect

from pumpkin.store import agents, assignments, checks, enrolments, faults, keys, sessions, tasks, updates
from pumpkin.store.database import Database
from pumpkin.store.enrolments import Gift, Newcomer
from pumpkin.web.services import Packages, Public
from tests.browser import strangers
from tests.browser.conftest import Visit, shared
from tests.browser.furniture import furnish
from tests.browser.strangers import NEWCOMER
from tests.web.analysis.conftest import resolve
from tests.web.pages import recorded
from tests.web.pages.site import PASSWORDS, PROBE, Site, Told
from tests.web.pages.test_fleet import with_fleet

Open = Callable[..., Awaitable[Visit]]

HERE = Path(__file__).parent
TRIED = {
    "/account/sessions/end": ("test_actions.py", "End all others"),
    "/account/sessions/{handle}/end": ("test_acts.py", 'row.get_by_role("button").click()'),
    "/account/totp": ("test_acts.py", "Turn on"),
    "/account/totp/remove": ("test_acts.py", "Take the second factor away"),
    "/agents/enroll": ("test_fleet.py", "Make the line"),
    "/agents/enroll/file": ("test_actions.py", "Make a configuration file"),
    "/agents/enroll/{id}/end": ("test_actions.py", "Take back the invitation"),
    "/agents/{jid}/approve": ("test_actions.py", 'name="Approve"'),
    "/agents/{jid}/commands": ("test_hostile.py", "Do it"),
    "/agents/{jid}/message": ("test_pages.py", "scan again"),
    "/agents/{jid}/remove": ("test_actions.py", "Remove, with account and keys"),
    "/agents/{jid}/revoke": ("test_pages.py", "Refuse new@pumpkin.example"),
    "/agents/{jid}/run": ("test_actions.py", "Run now"),
    "/agents/{jid}/subscribe": ("test_buttons.py", 'press(page, "Ask to see its presence")'),
    "/agents/{jid}/unsubscribe": ("test_buttons.py", 'press(page, "No longer see its presence")'),
    "/agents/{jid}/update": ("test_actions.py", 'name="Update"'),
    "/alerts/mutes": ("test_alert_pages.py", "Plan maintenance"),
    "/alerts/mutes/{n}/end": ("test_alert_pages.py", 'name="End"'),
    "/alerts/rules/reload": ("test_actions.py", "Read the file now"),
    "/alerts/{id}/{act}": ("test_alert_pages.py", "Acknowledge"),
    "/checks/failing/{series}/let-go": ("test_buttons.py", 'press(page, "Let go of http the attic")'),
    "/checks/searches": ("test_acts.py", "Forget what fails"),
    "/checks/{id}/erase": ("test_actions.py", "Erase for ever"),
    "/jobs": ("test_fleet.py", "Assign"),
    "/jobs/{id}/change": ("test_actions.py", 'name="Change"'),
    "/jobs/{id}/end": ("test_actions.py", 'name="Take back"'),
    "/login": ("test_pages.py", "Sign in"),
    "/login/code": ("test_acts.py", "Go on"),
    "/logout": ("test_pages.py", "Sign out"),
    "/modules/{name}": ("test_modules.py", "Send a test"),
    "/packages": ("test_actions.py", 'name="Analyse"'),
    "/packages/reports/{id}/findings": ("test_actions.py", 'name="Save"'),
    "/packages/reports/{id}/rescore": ("test_actions.py", "Judge anew"),
    "/packages/tasks/{id}/cancel": ("test_actions.py", 'name="Cancel"'),
    "/packages/upload": ("test_actions.py", 'name="Upload"'),
    "/packages/watches": ("test_actions.py", 'name="Watch"'),
    "/packages/watches/{id}/remove": ("test_actions.py", "Stop watching"),
    "/password": ("test_actions.py", "#current"),
    "/proofs/faults/{n}/settle": ("test_actions.py", "Settle"),
    "/settings/keys": ("test_pages.py", "Make key"),
    "/settings/keys/{id}/revoke": ("test_actions.py", "Revoke build server"),
    "/settings/keys/{id}/rotate": ("test_actions.py", "Rotate build server"),
    "/settings/people": ("test_acts.py", 'name="Add"'),
    "/settings/people/act": ("test_acts.py", "Give this role"),
}
"""Each address a form is sent to: the file that presses its button, and what it presses."""


@shared
async def site(database: Database) -> Site:
    """With a queue that takes packages."""
    told = Told()

    async def submit(wish: Any) -> Any:
        (decided,) = await tasks.submit(database, [wish])
        return decided

    async def rescored(_: int) -> None:
        return None

    packages = Packages(
        submit=submit,
        resolve=resolve,
        tools=lambda: ("static",),
        rescore=rescored,
        upload=lambda digest, name, content: tasks.keep_upload(database, digest, name, content),
    )
    fields = {**strangers.parts(told), "packages": packages}
    made = Site(database, told, public=Public(status=True, proofs=True), **fields)
    await made.people()
    return made


@shared
async def address(site: Site, tmp_path: Path) -> AsyncIterator[str]:
    """Where the site with a fleet is served."""
    site.app = with_fleet(site, tmp_path)
    async with TestServer(site.app) as server:
        yield str(server.make_url("/")).rstrip("/")


async def press(page: Page, name: str, *, exact: bool = False) -> None:
    """Press the first button of this name and wait for the page it leads to."""
    await page.get_by_role("button", name=name, exact=exact).first.click()
    await page.wait_for_load_state()


def test_every_act_is_named_with_where_it_is_tried(site: Site) -> None:
    offered = {
        route.resource.canonical
        for route in site.app.router.routes()
        if route.method == "POST" and route.resource and route.handler.__module__.startswith("pumpkin.web.pages")
    } - {"/csp-report"}
    assert {one for one in offered if one not in TRIED} == set()
    assert {one for one in TRIED if one not in offered} == set()
    files = {name: (HERE / name).read_text() for name, _ in TRIED.values()}
    assert [(one, words) for one, (name, words) in TRIED.items() if files[name].count(words) < 1] == []


async def test_an_operator_looks_after_agents_and_jobs(site: Site, visit: Open) -> None:
    await site.agent()
    await site.agent("new@pumpkin.example", state="pending")
    window = await visit()
    await window.sign_in("otto")
    page = await window.open(f"/agents/{PROBE}")
    await press(page, "Run now")
    await expect(page.get_by_role("status").filter(has_text="asked to run")).to_be_visible()
    assert site.acts[-1] == ("run", PROBE, "scan")
    await page.get_by_role("link", name="Commands").click()
    await press(page, "Run")
    await press(page, "Do it")
    await press(page, "Cancel")
    page = await window.open("/agents/new@pumpkin.example")
    await press(page, "Approve")
    await expect(page.locator("#card .tag").first).to_have_text("approved")
    await press(page, "Shut out")
    await expect(page.locator(".notice.critical")).to_contain_text("shut out")
    page = await window.open(f"/agents/{PROBE}")
    await expect(page.get_by_role("button", name="Remove, with account and keys")).to_be_hidden()
    await page.locator("#remove > summary").click()
    await press(page, "Remove, with account and keys")
    gone = await agents.get(site.db, PROBE)
    assert gone is None or gone.state == "revoked"

    gift = Gift(site="attic", approve=True, made_by="otto")
    token = await enrolments.invite(site.db, gift, uses=1)
    await enrolments.enrol(site.db, token, Newcomer(NEWCOMER, {}, bytes(32), "attic", "198.51.100.9", "0.0.9"))
    await agents.seen(site.db, NEWCOMER)
    page = await window.open(f"/agents/{NEWCOMER}")
    await page.get_by_role("button", name="Update", exact=True).click()
    await page.wait_for_load_state()
    told = await updates.get(site.db, NEWCOMER)
    assert told is not None

    page = await window.open("/agents/enroll")
    await page.get_by_text("More", exact=True).click()
    await page.fill("#note", "for the attic")
    await press(page, "Make the line")
    await press(page, "Take back the invitation for the attic")
    await expect(page.get_by_text("for the attic")).to_have_count(0)
    await page.fill("#name", "cellar")
    async with page.expect_download() as given:
        await page.get_by_role("button", name="Make a configuration file").click()
    assert 'jid = "cellar@pumpkin.example"' in Path(await (await given.value).path()).read_text()

    await site.agent("third@pumpkin.example")
    page = await window.open("/jobs")
    await page.get_by_label("Ready probe").select_option("tcp")
    await page.get_by_label("Target", exact=True).fill("localhost:22")
    await page.get_by_label("Chosen by").select_option("all")
    await press(page, "Assign")
    await page.fill("#job", "{")
    await page.get_by_role("button", name="Change").click()
    await expect(page.get_by_role("alert").filter(has_text="JSON object")).to_be_visible()
    await page.fill("#job", '{"use": "tcp", "target": "localhost:23"}')
    await page.get_by_role("button", name="Change").click()
    await page.get_by_role("button", name="Take back").click()
    await expect(page.locator(".tag").filter(has_text="taken back")).to_be_visible()
    assert await assignments.standing(site.db) == []
    page = await window.open("/alerts/rules")
    await press(page, "Read the file now")
    window.complaints[:] = [one for one in window.complaints if not re.search(r"status of (400|503)", one)]


async def test_an_administrator_looks_after_log_keys_and_her_own_account(site: Site, visit: Open) -> None:
    made = await furnish(site, "plain words")
    window = await visit()
    await window.sign_in()
    page = await window.open("/proofs")
    await press(page, "Settle")
    await expect(page.locator("#faults-head")).to_have_count(0)
    assert await faults.unsettled(site.db) == []
    page = await window.open(f"/checks/{made.check}")
    await page.locator("#erase > summary").click()
    await page.fill("#reason", "it held a name")
    await press(page, "Erase for ever")
    await expect(page.get_by_text("The payload was erased.")).to_be_visible()
    found = await checks.get(site.db, UUID(made.check))
    assert found is not None
    assert found.payload is None

    page = await window.open("/settings/keys")
    await page.fill("#name", "build server")
    await press(page, "Make key")
    page = await window.open("/settings/keys")
    await press(page, "Rotate build server")
    await expect(page.locator(".notice pre")).to_contain_text("pk_")
    page = await window.open("/settings/keys")
    count = await page.get_by_role("button", name="Revoke build server").count()
    await press(page, "Revoke build server")
    await expect(page.get_by_role("button", name="Revoke build server")).to_have_count(count - 1)
    assert any(one.revoked for one in await keys.listed(site.db))
    page = await window.open("/settings/audit")
    await page.fill("#act", "key.")
    await press(page, "Filter")
    await expect(page.locator("tbody tr").first).to_contain_text("key.")
    await expect(page.locator("tbody")).not_to_contain_text("login")

    other = await sessions.open(site.db, "ada", seconds=600, source="198.51.100.19", client="a browser far away")
    page = await window.open("/account")
    await press(page, "End all others")
    assert await sessions.get(site.db, other) is None
    page = await window.open("/password")
    await page.fill("#current", PASSWORDS["ada"])
    await page.fill("#new", "a stroll along the measured canal")
    await page.fill("#again", "a stroll along the measured canal")
    await press(page, "Save")
    await page.get_by_role("button", name="Sign out").click()
    page = await window.sign_in("ada", "a stroll along the measured canal")
    await expect(page.locator("h1")).to_have_text("Overview")


async def test_packages_are_handed_in_found_watched_read_and_judged(site: Site, visit: Open, tmp_path: Path) -> None:
    before, number = await recorded.put(site, "1.0"), await recorded.put(site, "1.1")
    window = await visit()
    await window.sign_in("otto")
    page = await window.open("/packages")
    await page.fill("#purl", "nonsense")
    await press(page, "Analyse", exact=True)
    await expect(page.locator("#purl-fault")).to_be_visible()
    await expect(page.locator("#purl")).to_have_value("nonsense")
    await page.fill("#purl", "pkg:pypi/thing@1.0")
    await page.fill("#priority", "3")
    await page.get_by_role("button", name="Analyse", exact=True).click()
    await expect(page.locator("#state")).to_contain_text("number 1 of those that wait")
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.locator("#state")).to_contain_text("cancelled")
    (tmp_path / "thing-1.0.zip").write_bytes(b"PK\x03\x04")
    page = await window.open("/packages")
    await page.set_input_files("#file", tmp_path / "thing-1.0.zip")
    await page.get_by_role("button", name="Upload").click()
    await expect(page.locator("h1")).to_contain_text("thing")

    page = await window.open("/packages/find?ecosystem=pypi&q=thing")
    await page.get_by_role("link", name="thing").first.click()
    await expect(page.locator("#versions-head")).to_be_visible()
    page = await window.open("/packages/watches")
    await page.fill("#purl", "pkg:pypi/weather-*")
    await page.get_by_role("button", name="Watch", exact=True).click()
    await page.get_by_role("button", name="Stop watching weather-*").click()
    await expect(page.get_by_text("Nothing is watched.")).to_be_visible()

    page = await window.open(f"/packages/reports/{number}")
    await expect(page.locator("svg.lanes")).to_have_attribute("aria-label", re.compile("secrets out 5"))
    request = page.locator(".requests li", has_text="/v2/upload")
    await request.locator("summary").click()
    await expect(request).to_contain_text("BEGIN OPENSSH PRIVATE KEY")
    await page.locator(".tree summary", has_text="sh -c curl").press("Enter")
    await expect(page.locator(".tree details[open]")).to_contain_text("/usr/bin/sh")
    async with page.expect_download() as given:
        await page.locator("#downloads-head").locator("xpath=../..").get_by_role("link", name="pcap").click()
    assert (await given.value).suggested_filename == "weather-stats-1.1-capture.pcap"
    await page.get_by_role("link", name="all 150 events").click()
    await page.select_option("#kind", "leak")
    await page.get_by_role("button", name="Show").click()
    await expect(page.locator("tbody tr")).to_have_count(5)
    page = await window.open(f"/packages/reports/{number}")
    await page.get_by_role("link", name="what is new since 1.0").click()
    await expect(page.locator(".difference .new").first).to_be_visible()
    assert f"a={before}&b={number}" in page.url

    page = await window.open(f"/packages/reports/{number}/findings")
    await page.get_by_text("Mark it").first.click()
    await page.locator("select[name=state]").first.select_option("reviewed")
    await page.locator("input[name=reason]").first.fill("looked at")
    await page.get_by_role("button", name="Save").first.click()
    await page.wait_for_load_state()
    page = await window.open(f"/packages/reports/{number}/findings")
    await expect(page.locator("main")).to_contain_text("looked at")
    await page.get_by_role("button", name="Judge anew").click()
    await expect(page.locator("#verdict-head")).to_be_visible()
    window.complaints[:] = [one for one in window.complaints if "status of 4" not in one]


async def test_versions_are_suggested_after_the_at_sign(site: Site, visit: Open) -> None:
    window = await visit()
    await window.sign_in()
    page = await window.open("/packages")
    await page.locator("#purl").press_sequentially("pkg:pypi/thing@")
    await expect(page.locator("#purl-list option").first).to_have_attribute("value", re.compile(r"pkg:pypi/thing@\d"))
    await expect(page.locator("#purl-list option")).to_have_count(2)


async def test_an_upload_without_script_whose_session_ended_is_sent_after_signing_in_again(
    site: Site, visit: Open, tmp_path: Path
):
    archive = tmp_path / "thing-1.0.zip"
    archive.write_bytes(b"PK\x03\x04" * 30_000)
    window = await visit(java_script_enabled=False)
    await window.sign_in()
    page = await window.open("/packages")
    await page.select_option("#ecosystem", "npm")
    await page.set_input_files("#file", archive)
    await sessions.end_others(site.db, "ada")
    await page.get_by_role("button", name="Upload").click()
    await expect(page.get_by_role("status").filter(has_text="What you typed")).to_be_visible()
    await page.fill("#name", "ada")
    await page.fill("#password", PASSWORDS["ada"])
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_text("It was thing-1.0.zip.")).to_be_visible()
    await expect(page.get_by_label("ecosystem")).to_have_value("npm")
    await page.set_input_files("#held-file", archive)
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator("h1")).to_contain_text("thing")
    assert "/packages/tasks/" in page.url
    window.complaints[:] = [one for one in window.complaints if not re.search("40[01]|503", one)]
