"""Strangers with an answer to everything: agents, registries, authorities, modules, rules; all they say is hostile.

A site is made with `parts(told)`: plain as long as `told.evil` is empty. `rows` puts their words into the store.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from pumpkin.analysis.triage import mark_of
from pumpkin.model.alerts.muting import Matcher, Span
from pumpkin.model.assignments import Targets
from pumpkin.model.packages import Version, Versions
from pumpkin.model.purl import Purl
from pumpkin.model.tasks import Ending, Submission
from pumpkin.model.watches import Wish
from pumpkin.store import (
    agents,
    assignments,
    cosignatures,
    deliveries,
    enrolments,
    faults,
    mutes,
    packages,
    pools,
    proofs,
    reports,
    tasks,
    triage,
    watches,
)
from pumpkin.store.deliveries import Refusal
from pumpkin.store.enrolments import Gift, Newcomer
from pumpkin.web.alerts import Correlation
from pumpkin.web.api.analysis.triage import findings_of, package_of
from pumpkin.web.discovery import Discovery
from pumpkin.web.fleet import Fleet
from pumpkin.web.modules import Modules
from pumpkin.web.services import Packages
from tests.web.pages.site import PROBE, Site, Told

NEWCOMER = "newcomer@pumpkin.example"


def parts(told: Told) -> dict[str, Any]:
    """Fields of the services, each of whose words is `told.evil`."""

    async def commands_of(_: str) -> list[Mapping[str, str]]:
        return [{"node": told.evil or "uptime", "name": told.evil or "Uptime"}]

    async def command(*_: Any) -> Mapping[str, Any]:
        return _answer(told.evil)

    async def versions(purl: Purl) -> Versions:
        return Versions(purl, (Version("1.0"), Version(told.evil[:100] or "2.0", yanked=True)), "1.0")

    async def metadata(_: Purl) -> dict[str, Any]:
        about = ("summary", "home_page", "repository", "licence", "install_scripts", "author", "description")
        return {name: told.evil or name for name in about} | {"dependencies": [told.evil]}

    async def trial(_: str) -> dict[str, Any]:
        return {"ok": False, "error": told.evil, "took_s": 0.1}

    return {
        "commands_of": commands_of,
        "command": command,
        "discovery": Discovery(versions, metadata),
        "modules": Modules(lambda: [_module(told.evil)] if told.evil else [], trial),
        "correlation": Correlation(lambda: _rules(told.evil)),
        "packages": Packages(tools=lambda: ("static", told.evil or "dynamic"), no_engine=lambda: told.evil),
        "fleet": Fleet(domain="pumpkin.example", accounts=True, kits=_no_kits),
        "sandbox": lambda: {"unavailable": told.evil, "engines": [_engine(told.evil)] if told.evil else []},
        "settings_public": {},
        "stamping": lambda: _stamping(told.evil) if told.evil else {},
        "audited": lambda: {"audited": {"ok": True, "records": 5}},
    }


async def _no_kits() -> list[Any]:
    return []


def _answer(evil: str) -> dict[str, Any]:
    kinds = ("text-single", "text-multi", "text-private", "list-single", "list-multi", "boolean", "fixed", "hidden")
    fields = [
        {"var": f"{kind}{evil}", "type": kind, "label": evil, "required": False, "values": [evil],
         "options": [{"value": evil, "label": evil}]}
        for kind in kinds
    ]  # fmt: skip
    form = {"title": evil, "instructions": evil, "fields": fields, "rows": [{evil: [evil]}]}
    return {
        "status": "executing", "session": evil, "form": form, "actions": ["complete"],
        "notes": [{"type": "error", "text": evil}],
    }  # fmt: skip


def _module(evil: str) -> dict[str, Any]:
    told = {"topics": [evil], "types": [evil], "severity": "warning", "agents": [evil], "targets": [evil],
            "tags": [evil], "labels": {evil: evil}}  # fmt: skip
    return {
        "name": "soc", "kind": "webhook", "target": evil, "filter": told, "after": "stored", "enabled": True,
        "actor": "running", "restarts": 0, "waiting": 3, "waiting_more": False,
    }  # fmt: skip


def _rules(evil: str) -> dict[str, Any]:
    fault = {"code": "rules_bad_value", "line": 3, "rule": evil, "field": evil, "message": evil}
    rule = {
        "name": evil or "web", "kind": "expected", "severity": "critical", "enabled": True, "groups": 4, "firing": 1,
        "forgotten": 0, "overflow": 7, "last_error": evil,
    }  # fmt: skip
    return {
        "state": "running", "last_error": evil, "file": evil, "error": evil, "faults": [fault] if evil else [],
        "behind": 12, "rules": [rule], "dependencies": [{"parent": evil, "children": {"site": [evil]}}],
    }  # fmt: skip


def _engine(evil: str) -> dict[str, Any]:
    return {
        "engine": evil, "address": evil, "image": evil, "runtimes": [evil], "building": "", "problem": evil,
        "network": "open", "busy": 0, "slots": 2, "warm": 1,
    }  # fmt: skip


def _stamping(evil: str) -> dict[str, Any]:
    raised = {"rule": "authority.down", "severity": "critical", "authority": evil, "detail": {}, "raised": 1}
    return {"quorum": 1, "well": 0, "of": 1, "alerts": [raised]}


async def rows(site: Site, evil: str) -> int:
    """Put their words where the store keeps them; the number of an analysis that failed."""
    db = site.db
    text = evil.replace("\x1b", "")
    await assignments.add(db, {"command": evil, "type": evil, "target": evil}, Targets("jids", (PROBE,)), text)
    await assignments.add(db, {"use": "http", "target": evil}, Targets("tags", (evil[:40],)), text)
    await pools.add(db, "sites", "web", [{"command": evil}, {"use": "http", "target": evil}], text)
    gift = Gift("", (evil[:30],), ("probe",), evil[:60], evil, made_by=text)
    token = await enrolments.invite(db, gift, uses=3)
    await enrolments.enrol(db, token, Newcomer(NEWCOMER, {}, bytes(32), evil[:80], evil[:60], evil[:40]))
    await agents.seen(db, NEWCOMER)
    watch = await watches.add(db, Wish("pypi", "thing", 3), text)
    await watches.polled(db, watch, primed=True, error=evil)
    await watches.read_feed(db, "pypi", "1", 7, error=evil)
    await packages.remember(db, "pypi", [("thing", evil[:60])])
    now = datetime.now(UTC)
    for kind in ("silence", "maintenance"):
        span = Span(starts=now, ends=now + timedelta(hours=1))
        await mutes.add(db, kind, Matcher(target=(evil[:100],)), span, who=text, reason=evil)
    await faults.add(db, kind=evil[:40], position=3, source=evil)
    head = await proofs.latest_checkpoint(db)
    assert head is not None
    await cosignatures.add(db, witness=text[:100], vkey=text[:100], kind="probe", size=head.size, line=text, at=1)
    await _deliveries(site, evil)
    return await _failed(site, evil)


async def _deliveries(site: Site, evil: str) -> None:
    stood = await deliveries.enrol(site.db, "soc", "webhook", beginning=True)
    said = [Refusal(uuid4(), "check.stored", evil, evil, 2, seq=0)]
    await deliveries.advance(site.db, stood, seq=0, event=0, delivered=3, refusals=said)
    await deliveries.failed(site.db, "soc", attempt=2, not_before=2_000_000_000_000_000, error=evil)
    await deliveries.tried(site.db, "soc", "failed", items=1, took_s=30.0, subject=evil, error=evil)


async def _failed(site: Site, evil: str) -> int:
    """An analysis that failed with the package's last words; its number."""
    wish = Submission(
        owner="user:ada", asked=evil, purl="pkg:pypi/other@1", ecosystem="pypi", name="other", version="1",
        tools="static",
    )  # fmt: skip
    await tasks.submit(site.db, [wish])
    (task,) = await tasks.claim(site.db, "n1")
    await tasks.end(site.db, task, Ending("install_failed", category="analysis_error", message=evil, details=evil))
    return task.id


async def marked(site: Site, evil: str, number: int) -> None:
    """A word of a person on each finding of a report."""
    kept = await reports.get(site.db, number)
    assert kept is not None
    for one in findings_of(kept)[:3]:
        await triage.put(
            site.db, package=package_of(kept), finding=mark_of(one), state="suppressed", reason=evil, by=evil,
            until=datetime.fromtimestamp(time.time() + 3_600, UTC),
        )  # fmt: skip
