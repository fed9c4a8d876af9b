"""Every button of every page: a table says what presses each, and what nothing else presses is pressed here.

Script is off in what is pressed here: forms work without it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from playwright.async_api import Page, expect

from pumpkin.store import alerts, deliveries, factors, packages, people, sessions, tasks, watches
from pumpkin.store.database import Database
from pumpkin.web.guard import SESSION_COOKIE
from pumpkin.web.modules import Modules
from pumpkin.web.services import Packages
from tests.browser import strangers
from tests.browser.conftest import shared
from tests.browser.test_alert_pages import raised
from tests.browser.test_pages import Open
from tests.web.analysis.conftest import resolve
from tests.web.pages import recorded
from tests.web.pages.site import PROBE, Site, Told, observation
from tests.web.pages.test_modules import furnish as with_modules
from tests.web.test_modules_api import STATUS, trial

HERE = Path(__file__).parent
TEMPLATES = HERE.parents[1] / "templates"
PRESSED = {
    "account.html: End": ("test_acts.py", 'row.get_by_role("button").click()'),
    "account.html: End all others": ("test_actions.py", "End all others"),
    "account.html: Take the second factor away": ("test_acts.py", "Take the second factor away"),
    "account.html: Turn on": ("test_acts.py", "Turn on"),
    "agent.html: Approve": ("test_actions.py", 'press(page, "Approve")'),
    "agent.html: Ask to see its presence": ("test_buttons.py", "Ask to see its presence"),
    "agent.html: No longer see its presence": ("test_buttons.py", "No longer see its presence"),
    "agent.html: Refuse, Shut out": ("test_actions.py", "Shut out"),
    "agent.html: Remove, with account and keys": ("test_actions.py", "Remove, with account and keys"),
    "agent.html: Run now": ("test_actions.py", "Run now"),
    "agent.html: Send": ("test_pages.py", 'name="Send"'),
    "agent.html: Update": ("test_actions.py", 'name="Update"'),
    "agents.html: Approve": ("test_pages.py", "Approve new@pumpkin.example"),
    "agents.html: Filter": ("test_buttons.py", "the filter of agents"),
    "agents.html: Refuse": ("test_pages.py", "Refuse new@pumpkin.example"),
    "alert.html: Acknowledge": ("test_alert_pages.py", "Acknowledge"),
    "alert.html: Comment": ("test_buttons.py", 'press(page, "Comment")'),
    "alert.html: Resolve": ("test_alert_pages.py", 'name="Resolve"'),
    "alert.html: Silence": ("test_alert_pages.py", 'name="Silence"'),
    "alert_mutes.html: Plan maintenance": ("test_alert_pages.py", "Plan maintenance"),
    "alert_mutes.html: Silence": ("test_buttons.py", "the silence of all that fits"),
    "alert_rules.html: Read the file now": ("test_actions.py", "Read the file now"),
    "alert_tables.html: End": ("test_alert_pages.py", 'name="End"'),
    "alerts.html: Find": ("test_buttons.py", "the search of alerts"),
    "audit.html: Filter": ("test_actions.py", 'press(page, "Filter")'),
    "check.html: Erase for ever": ("test_actions.py", "Erase for ever"),
    "check.html: Show": ("test_buttons.py", "the number that is chosen"),
    "checks.html: ×": ("test_acts.py", "Forget what fails"),
    "checks.html: Keep": ("test_acts.py", 'name="Keep"'),
    "checks.html: Search": ("test_pages.py", 'name="Search"'),
    "commands.html: Cancel": ("test_actions.py", 'press(page, "Cancel")'),
    "commands.html: Do it, Next, Back, Go on": ("test_buttons.py", '"Next", "Back", "Go on"'),
    "commands.html: Run": ("test_actions.py", 'press(page, "Run")'),
    "enroll.html: Make a configuration file": ("test_actions.py", "Make a configuration file"),
    "enroll.html: Make the line": ("test_actions.py", "Make the line"),
    "enroll.html: Take back": ("test_actions.py", "Take back the invitation"),
    "failing.html: Filter": ("test_buttons.py", "the filter of what fails"),
    "failing.html: Let go": ("test_buttons.py", "Let go of http"),
    "findings.html: Judge anew by today's rules": ("test_actions.py", "Judge anew"),
    "findings.html: Save": ("test_actions.py", 'name="Save"'),
    "held.html: Send": ("test_acts.py", 'name="Send")'),
    "job.html: Change": ("test_actions.py", 'name="Change"'),
    "job.html: Take back": ("test_actions.py", 'name="Take back"'),
    "jobs.html: Assign": ("test_fleet.py", "Assign"),
    "keys.html: Make key": ("test_pages.py", "Make key"),
    "keys.html: Revoke": ("test_actions.py", "Revoke build server"),
    "keys.html: Rotate": ("test_actions.py", "Rotate build server"),
    "layout.html: Hold": ("test_live.py", 'name="Hold"'),
    "layout.html: Sign out": ("test_pages.py", "Sign out"),
    "login.html: Sign in": ("test_acts.py", 'name="Sign in"'),
    "login_code.html: Go on": ("test_acts.py", 'name="Go on"'),
    "modules_one.html: Discard": ("test_modules.py", "Discard letter"),
    "modules_one.html: Go on": ("test_buttons.py", 'press(page, "Go on")'),
    "modules_one.html: Pause": ("test_modules.py", 'name="Pause"'),
    "modules_one.html: Retry": ("test_buttons.py", "Retry letter"),
    "modules_one.html: Send a test": ("test_modules.py", "Send a test"),
    "modules_one.html: Try again now": ("test_buttons.py", "Try again now"),
    "packages.html: Analyse": ("test_actions.py", 'name="Analyse"'),
    "packages.html: Find": ("test_buttons.py", "the search of analyses"),
    "packages.html: Upload": ("test_actions.py", 'name="Upload"'),
    "packages_find.html: Find": ("test_buttons.py", "the search of packages"),
    "packages_history.html: Compare": ("test_acts.py", 'name="Compare"'),
    "packages_history.html: Show": ("test_buttons.py", "the history that is asked for"),
    "packages_observed.html: Show": ("test_actions.py", 'name="Show"'),
    "packages_package.html: Analyse each new version": ("test_buttons.py", "Analyse each new version"),
    "packages_package.html: Analyse the latest": ("test_buttons.py", "Analyse the latest"),
    "packages_task.html: Cancel": ("test_actions.py", 'name="Cancel"'),
    "packages_watches.html: Stop": ("test_actions.py", "Stop watching"),
    "packages_watches.html: Watch": ("test_actions.py", 'name="Watch"'),
    "password.html: Save": ("test_actions.py", 'press(page, "Save")'),
    "people.html: Add": ("test_acts.py", 'name="Add"'),
    "people.html: Close": ("test_buttons.py", '"Close"'),
    "people.html: End sessions": ("test_buttons.py", '"End sessions"'),
    "people.html: Give this role": ("test_acts.py", "Give this role"),
    "people.html: New one-time password": ("test_buttons.py", '"New one-time password"'),
    "people.html: Open": ("test_buttons.py", '"Open"'),
    "people.html: Remove": ("test_buttons.py", '"Remove"'),
    "people.html: Take second factor away": ("test_buttons.py", '"Take second factor away"'),
    "proofs.html: Settle": ("test_actions.py", "Settle"),
}
"""Each button of a template: the file that presses it, and what it presses."""

_BUTTON = re.compile(r"<button\b(?:[^>{]|\{[^>]*?\})*>(.*?)</button>", re.S)
_WORDS = re.compile(r"'([A-Z][^']*)'")


def buttons() -> set[str]:
    """`template: words` of every button there is."""
    found = set()
    for template in TEMPLATES.glob("*.html"):
        for inner in _BUTTON.findall(template.read_text("utf-8")):
            text = re.sub(r'<span class="visually-hidden">.*?</span>|\{%.*?%\}.*|<[^>]*>', "", inner, flags=re.S)
            words = ", ".join(_WORDS.findall(text)) if "{{" in text else text.strip()
            found.add(f"{template.name}: {words}")
    return found


async def test_every_button_is_named_with_what_presses_it() -> None:
    files = {name: (HERE / name).read_text() for name, _ in PRESSED.values()}
    own = files["test_buttons.py"].partition('"""Each button of a template')[2]
    files["test_buttons.py"] = own
    assert buttons() == set(PRESSED)
    assert [one for one, (name, words) in PRESSED.items() if words not in files[name]] == []


@shared
async def site(database: Database) -> Site:
    """With a queue that takes packages, registries and a module that answer."""

    async def submit(wish: Any) -> Any:
        (decided,) = await tasks.submit(database, [wish])
        return decided

    queue = Packages(submit=submit, resolve=resolve, tools=lambda: ("static",))
    more = {"packages": queue, "modules": Modules(lambda: [STATUS], trial)}
    made = Site(database, **{**strangers.parts(Told()), **more})
    await made.people()
    return made


async def press(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).first.click()
    await page.wait_for_load_state()


async def test_people_are_kept_by_every_button(site: Site, visit: Open) -> None:
    await sessions.open(site.db, "vera", seconds=600)
    await factors.set_totp(site.db, "vera", "JBSWY3DPEHPK3PXP")
    window = await visit(java_script_enabled=False)
    await window.sign_in()

    async def act(name: str) -> None:
        page = await window.open("/settings/people")
        row = page.locator("tr", has_text="vera")
        await row.locator("summary").click()
        await row.get_by_role("button", name=name, exact=True).click()
        await page.wait_for_load_state()

    await act("End sessions")
    assert await sessions.listed(site.db, "vera") == []
    await act("Take second factor away")
    assert (await factors.totp(site.db, "vera"))[0] is None
    await act("New one-time password")
    once = await window.page.locator(".notice pre").inner_text()
    assert await people.verify(site.db, "vera", once) is not None
    await act("Close")
    assert (await people.get(site.db, "vera")).disabled  # type: ignore[union-attr]
    await act("Open")
    assert not (await people.get(site.db, "vera")).disabled  # type: ignore[union-attr]
    await act("Remove")
    assert await people.get(site.db, "vera") is None


async def test_agents_are_found_seen_and_asked_by_every_button(site: Site, visit: Open) -> None:
    await site.agent()
    await site.agent("down@pumpkin.example", show="unavailable")
    window = await visit(java_script_enabled=False)
    await window.sign_in("otto")
    page = await window.open("/agents")
    await page.fill("#q", "down@")
    await press(page, "Filter")  # the filter of agents
    await expect(page.locator("#fleet tbody tr")).to_have_count(1)
    page = await window.open("/agents/down@pumpkin.example")
    await press(page, "Ask to see its presence")
    await expect(page.get_by_role("status").filter(has_text="asked to show its presence")).to_be_visible()
    page = await window.open(f"/agents/{PROBE}")
    await press(page, "No longer see its presence")
    assert site.acts == [("subscription", "down@pumpkin.example", "subscribe"), ("subscription", PROBE, "unsubscribe")]
    await page.get_by_role("link", name="Its own view").click()
    await expect(page.locator("h1")).to_have_text("Its own view")
    page = await window.open(f"/agents/{PROBE}")
    await page.get_by_role("link", name="Give it a job").click()
    await expect(page.get_by_label("Probes", exact=True)).to_have_values([PROBE])

    told: list[str] = []

    async def command(jid: str, node: str, form: Any, session: Any, action: str) -> Any:
        told.append(action)
        return {"status": "executing", "session": "s", "actions": ["prev", "next", "execute"], "form": {}}

    object.__setattr__(site.services, "command", command)
    page = await window.open(f"/agents/{PROBE}/commands")
    await press(page, "Run")
    for name in ("Next", "Back", "Go on"):
        await press(page, name)
    assert told == ["execute", "next", "prev", "execute"]


async def test_alerts_and_what_fails_are_looked_after_by_every_button(site: Site, visit: Open) -> None:
    alert = await raised(site)
    await raised(site, rule="other", message="the disk fills up")
    window = await visit(java_script_enabled=False)
    await window.sign_in("otto")
    page = await window.open("/alerts")
    await page.fill("#rule", "other")
    await press(page, "Find")  # the search of alerts
    await expect(page.locator("tbody tr")).to_have_count(1)
    page = await window.open(alert.address)
    await page.fill("#text", "somebody spilt tea")
    await press(page, "Comment")
    await expect(page.locator("#history")).to_contain_text("somebody spilt tea")
    assert (await alerts.get(site.db, alert.id)).state == "open"  # type: ignore[union-attr]
    page = await window.open("/alerts/mutes")
    await page.fill("#rule", "other")
    await page.fill("#reason", "known")
    await press(page, "Silence")  # the silence of all that fits
    await expect(page.locator("#mutes")).to_contain_text("rule=other")

    await site.receive(observation(detail={"target": "the attic", "status": "warning"}))
    page = await window.open("/checks/failing")
    await expect(page.locator("tbody tr")).to_have_count(2)
    await page.fill("#q", "attic")
    await press(page, "Filter")  # the filter of what fails
    await expect(page.locator("tbody tr")).to_have_count(1)
    await press(page, "Let go of http the attic")
    await expect(page.locator("tbody")).not_to_contain_text("the attic")
    await expect(page.locator("tbody tr")).to_have_count(1)


async def test_a_modules_tries_are_looked_after_by_every_button(site: Site, visit: Open) -> None:
    await with_modules(site)
    await deliveries.pause(site.db, "soc", paused=True)
    window = await visit(java_script_enabled=False)
    await window.sign_in("otto")
    page = await window.open("/modules/soc")
    await press(page, "Go on")
    assert not (await deliveries.get(site.db, "soc")).paused  # type: ignore[union-attr]
    (letter,) = await deliveries.dead(site.db, "soc")
    await press(page, f"Retry letter {letter.id}")
    await expect(page.locator("#module-letters")).to_contain_text("being tried")
    await page.get_by_role("button", name="Try again now").click()
    await page.wait_for_load_state()
    assert (await deliveries.get(site.db, "soc")).not_before == 0  # type: ignore[union-attr]


async def test_packages_are_found_handed_in_and_watched_by_every_button(site: Site, visit: Open) -> None:
    await recorded.put(site, "1.0")
    await packages.remember(site.db, "pypi", [("thing", "2.0")])
    window = await visit(java_script_enabled=False)
    await window.sign_in("otto")
    page = await window.open("/packages")
    await page.fill("#q", "nothing-like-it")
    await press(page, "Find")  # the search of analyses
    await expect(page.locator("#recent")).to_contain_text("No analysis fits")
    page = await window.open("/packages/find")
    await page.fill("#q", "thing")
    await press(page, "Find")  # the search of packages
    await page.get_by_role("link", name="thing", exact=True).click()
    await press(page, "Analyse the latest")
    await expect(page.locator("#state")).to_contain_text("those that wait")
    assert await tasks.length(site.db) == 1
    page = await window.open("/packages/find/pypi/thing")
    await press(page, "Analyse each new version")
    assert [one.name for one in await watches.every(site.db)] == ["thing"]
    page = await window.open("/packages/history")
    await page.fill("#name", "nobody-analysed-it")
    await press(page, "Show")  # the history that is asked for
    await expect(page.locator("main")).to_contain_text("No report of nobody-analysed-it")


async def test_a_checks_numbers_are_chosen_and_its_bundle_judged_with_one_press(site: Site, visit: Open) -> None:
    first, one = (
        observation(payload=b'{"rtt": %d, "disk": {"free": %d}}' % (n, 7 * n), detail={"target": "web"}) for n in (1, 2)
    )
    await site.receive_many([first, one])
    await site.stamp(await site.seal())
    window = await visit()
    await window.sign_in("vera")
    page = await window.open(f"/checks/{one.id}")
    await expect(page.locator("svg.trend")).to_have_count(2)
    await page.select_option("#trend", "disk.free")
    await press(page, "Show")  # the number that is chosen
    await expect(page.locator("svg.trend")).to_have_count(1)
    await expect(page.locator("svg.trend")).to_have_attribute("aria-label", re.compile("disk.free: 2 results, now 14"))
    await page.get_by_role("link", name="Verify in the browser").click()
    await expect(page.locator("#verify-result h2")).to_have_text("Consistent, but trust is not established")
    await expect(page.locator("#verify-result")).to_contain_text(f"pumpkin-{one.id}.zip")
    stranger = await visit()
    page = await stranger.open(f"/verify?check={one.id}")
    await expect(page.locator("#verify-result")).to_contain_text("sign in, or choose the file")
    stranger.complaints[:] = [words for words in stranger.complaints if "401" not in words]


async def test_a_chosen_file_outlives_an_ended_session(site: Site, visit: Open, tmp_path: Path) -> None:
    handed: list[str] = []

    async def upload(digest: bytes, name: str, content: bytes) -> None:
        handed.append(name)
        await tasks.keep_upload(site.db, digest, name, content)

    object.__setattr__(site.services, "packages", replace(site.services.packages, upload=upload))
    (tmp_path / "thing-1.0.zip").write_bytes(b"PK\x03\x04")
    window = await visit()
    await window.sign_in("otto")
    page = await window.open("/packages")
    await page.set_input_files("#file", tmp_path / "thing-1.0.zip")
    await sessions.end_others(site.db, "otto")
    await page.get_by_role("button", name="Upload").click()
    await expect(page.locator("#lost-bar")).to_contain_text("sign in again in another tab")
    assert handed == []
    await window.context.clear_cookies()
    session = await sessions.open(site.db, "otto", seconds=600)
    await window.context.add_cookies([{"name": SESSION_COOKIE, "value": session, "url": window.base}])
    await page.get_by_role("button", name="Upload").click()
    await expect(page.locator("h1")).to_contain_text("thing")
    assert handed == ["thing-1.0.zip"]
    window.complaints[:] = [words for words in window.complaints if "401" not in words]
