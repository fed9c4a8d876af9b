"""Screenshots of the pages over a thousand agents, as they stand in the docs: light, dark, phone, empty, wrong.

usage: python -m scripts.measure.shots FOLDER [full|empty|wrong]...
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, async_playwright

from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from pumpkin.model.agents import Presence
from pumpkin.model.assignments import Targets
from pumpkin.store import agents, assignments
from pumpkin.store.database import Database, migrate
from pumpkin.web.services import Public
from tests.browser import strangers
from tests.browser.furniture import furnish
from tests.browser.test_alert_pages import raised
from tests.web.pages import recorded
from tests.web.pages.site import PASSWORDS, PROBE, Site, Told, observation

AGENTS = 1_000
_TARGETS = ("www.example.org", "mail.example.org", "198.51.100.7", "db-3.example.org", "files.example.org")
_PARTS = {"agent": ("card", "messages"), "report": ("processes", "timeline", "network")}
_LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 860}},
    "dark": {"viewport": {"width": 1280, "height": 860}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2},
}


async def people_it(site: Site) -> str:
    """A fleet at work: a thousand agents, an hour of checks with their proofs, messages; a check to look at."""
    dice, now = random.Random(7), time.time_ns() // 1_000
    day = datetime.now(UTC).date()
    behaviours = [
        {"name": "http", "kind": "periodic", "state": "idle", "period_s": 300.0, "last_run": now - 90_000_000},
        {"name": "certificates", "kind": "schedule", "state": "waiting", "period_s": None, "last_run": now - 3 * 10**9},
        {"name": "disk", "kind": "cyclic", "state": "running", "period_s": 60.0, "last_run": now - 4_000_000},
        {
            "name": "failover", "kind": "fsm", "state": "running", "period_s": None, "last_run": now - 20_000_000,
            "detail": {
                "at": "confirm", "start": "watch",
                "graph": {
                    "watch": {"ok": "watch", "critical": "confirm"},
                    "confirm": {"ok": "watch", "critical": "alarm"},
                    "alarm": {"*": "watch"},
                },
            },
        },
    ]  # fmt: skip
    made = [
        {**one, "next_run": now + wait * 1_000_000, "last_error": None, "restarts": 0}
        for one, wait in zip(behaviours, (210, 900, 56, 8), strict=True)
    ]
    async with site.db.writer() as connection:
        await connection.execute(
            "insert into agents (jid, state, duties, tags, site, version, first_seen, last_seen, last_check, checks,"
            " behaviours) select 'probe-' || lpad(n::text, 4, '0') || '@pumpkin.example', 'approved', array['probe'],"
            " array['rack-' || n % 40], 'hall ' || n % 7, 'pumpkin 0.1', $1::bigint - 3456000000000, $1, $1, 1000, $2"
            " from generate_series(1, $3::int) n",
            now, made, AGENTS - 3,
        )  # fmt: skip
        jids = [row[0] for row in await connection.fetch("select jid from agents order by jid")]
    for jid in jids:
        show = dice.choices(("available", "away", "dnd", "unavailable"), (970, 12, 10, 8))[0]
        site.presence[jid] = Presence(show, "", now - dice.randrange(10**11), {"home": show})
    days = [
        (jid, day - timedelta(days=back), 86_400.0 if dice.random() > 0.02 else 40_000.0)
        for jid in jids[:60]
        for back in range(30)
    ]
    await agents.add_up_time(site.db, days)
    await site.agent(PROBE)
    await site.agent("roof-weather-station-with-a-rather-long-name-in-the-annex@pumpkin.example", state="pending")
    async with site.db.writer() as connection:
        await connection.execute(
            "update agents set behaviours = $1, site = 'hall 3', duties = array['probe', 'ping'],"
            " tags = array['rack-12'],"
            " version = 'pumpkin 0.1', first_seen = $3 where jid = $2",
            made, PROBE, now - 3_456_000_000_000,
        )  # fmt: skip
        contacts = [("aggregator@pumpkin.example", "both"), ("probe-0042@pumpkin.example", "to")]
        contacts += [("correlation-engine@pumpkin.example", "from")]
        await connection.executemany(
            "insert into roster (owner, contact, subscription) values ($1, $2, $3)", [(PROBE, *one) for one in contacts]
        )
    past = [(PROBE, day - timedelta(days=back), 86_400.0 - 9_000 * (back % 11 == 3)) for back in range(1, 30)]
    await agents.add_up_time(site.db, past)
    last = observation()
    for minute in range(30):
        batch = []
        for number, target in enumerate(_TARGETS):
            latency = round(20 + 6 * number + dice.random() * 14 + (60 if number == 2 and minute > 26 else 0), 1)
            status = "critical" if latency > 80 else "warning" if latency > 60 else "ok"
            result = {"parser": "json", "version": "1", "data": {"latency_ms": latency, "status": 200, "size": 5120}}
            last = observation(
                type=("http", "tls", "ping", "disk", "http")[number],
                agent=PROBE if number in (0, 2) else f"probe-{number + minute % 5:04d}@pumpkin.example",
                payload=json.dumps({"latency_ms": latency, "status": 200, "body": "Welcome"}).encode(),
                observed=now - (30 - minute) * 60_000_000,
                detail={
                    "target": target, "status": status, "site": "hall 3", "labels": {"rack": "r12"}, "result": result,
                    "run": {"argv": ["pumpkin-probe", "http", target], "exit_status": 0, "duration_s": latency / 1e3},
                },
            )  # fmt: skip
            batch.append(last)
            if number == 2:
                shown = last
        await site.receive_many(batch)
        if minute % 5 == 4:
            await site.stamp(await site.seal())
    for words, performative in (("scan of hall 3 done", "inform"), ("may I rest?", "query-if"), ("rest", "inform")):
        stanza = f'<message from="{PROBE}/home" to="aggregator@pumpkin.example"><body>{words}</body></message>'
        await site.message(words, {"performative": performative, "ontology": "upkeep", "language": "en"}, stanza=stanza)
    return f"/checks/{shown.id}"


async def shoot(browser: Browser, base: str, folder: Path, paths: dict[str, str], looks: tuple[str, ...]) -> None:
    """A picture of each path in each look; the whole page on the phone."""
    for look in looks:
        context = await browser.new_context(**_LOOKS[look])
        page = await context.new_page()
        await page.goto(base + "/login")
        await page.fill("#name", "ada")
        await page.fill("#password", PASSWORDS["ada"])
        await page.click("button.primary")
        for name, path in paths.items():
            await page.goto(base + path)
            await page.wait_for_timeout(300)
            await page.screenshot(path=folder / f"{name}-{look}.png", full_page=look == "phone")
            for part in _PARTS.get(name, ()) if look == "light" else ():
                await page.locator(f"section[aria-labelledby={part}-head]").screenshot(path=folder / f"{part}.png")
        await context.close()


async def main(folder: Path, kinds: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pumpkin-shots-") as data:
        server = EmbeddedPostgres(Path(data))
        await server.start()
        try:
            async with async_playwright() as play:
                browser = await play.chromium.launch(
                    executable_path="/usr/bin/chromium", args=["--headless=new", "--no-sandbox"]
                )
                for name in kinds or ("full", "empty", "wrong"):
                    await _one(server, browser, folder, name)
                await browser.close()
        finally:
            await server.stop()


async def _one(server: EmbeddedPostgres, browser: Browser, folder: Path, name: str) -> None:
    dsn = await _fresh(server, f"shots_{name}_{uuid4().hex[:6]}")
    db = await Database.open(dsn)
    try:
        told = Told()
        site = Site(db, told, public=Public(status=True, proofs=True), **strangers.parts(told))
        await site.people()
        paths = {
            "overview": "/",
            "agents": "/agents",
            "checks": "/checks",
            "proofs": "/proofs",
            "packages": "/packages",
        }
        looks: tuple[str, ...] = ("light",)
        if name == "full":
            check = await people_it(site)
            before, run = await recorded.put(site, "1.0"), await recorded.put(site, "1.1")
            alert = await raised(site, "escalated", message="files.example.org takes 95 ms, more than 80")
            job = await assignments.add(
                db, {"use": "http", "target": "www.example.org", "period": 300}, Targets("tags", ("rack-12",)), "ada"
            )
            more = {
                "report": f"/packages/reports/{run}", "events": f"/packages/reports/{run}/events",
                "compare": f"/packages/compare?a={before}&b={run}", "findings": f"/packages/reports/{run}/findings",
                "history": "/packages/history?ecosystem=pypi&name=weather-stats",
                "jobs": "/jobs", "job": f"/jobs/{job}", "enroll": "/agents/enroll",
                "commands": f"/agents/{PROBE}/commands", "alert": alert.address, "rules": "/alerts/rules",
                "mutes": "/alerts/mutes", "keys": "/settings/keys", "sandbox": "/sandbox", "verify": "/verify",
                "watches": "/packages/watches",
                "agent": f"/agents/{PROBE}", "messages": f"/agents/{PROBE}#messages-head", "check": check,
                "difference": f"{check}/difference", "people": "/settings/people", "account": "/account",
                "settings": "/settings", "audit": "/settings/audit", "status": "/status", "alerts": "/alerts",
                "modules": "/modules", "proof": check.replace("/checks/", "/proof/"),
            }  # fmt: skip
            paths, looks = {**paths, **more}, ("light", "dark", "phone")
        elif name == "wrong":
            made = await furnish(site)
            paths = {f"hostile-{number:02d}": path for number, path in enumerate(made.paths())}
            looks = ("light", "phone")
        else:
            paths = {
                f"empty-{one}": path for one, path in {**paths, "alerts": "/alerts", "modules": "/modules"}.items()
            }
            looks = ("light", "phone")
        async with TestServer(site.app) as web:
            await shoot(browser, str(web.make_url("")).rstrip("/"), folder, paths, looks)
    finally:
        await db.close()


async def _fresh(server: EmbeddedPostgres, name: str) -> str:
    import asyncpg

    connection = await asyncpg.connect(server.dsn())
    await connection.execute(f"create database {name}")
    await connection.close()
    await migrate(server.dsn(name))
    return server.dsn(name)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
