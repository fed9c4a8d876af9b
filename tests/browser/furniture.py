"""What pages are looked at with: something of each kind, and hostile text in every field a stranger can fill."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, replace
from uuid import uuid4

from pumpkin.analysis import documents
from pumpkin.model.alerts import Alert, Link, Subject
from pumpkin.model.alerts.book import Change
from pumpkin.model.tasks import Ending, Submission
from pumpkin.model.wire import rfc3339
from pumpkin.store import alerts, audit, keys, people, reports, searches, tasks
from pumpkin.store.reports import NewReport
from tests.browser import strangers
from tests.web.pages import recorded
from tests.web.pages.site import PROBE, Site, observation

EVIL = (
    "<script>alert(1)</script>\u202e<img src=x onerror=alert(2)>\x1b[31m\"' autofocus onfocus=alert(3) x='" + "W" * 120
)
"""Markup, script, a bidirectional override, a terminal code, quotes out of an attribute, and a word without an end."""


@dataclass(frozen=True, slots=True)
class Furnished:
    """Addresses of things that were put there."""

    check: str
    report: int
    other: int
    alert: str
    run: int
    before: int
    task: int

    def paths(self) -> list[str]:
        """A page of each kind, for an administrator."""
        return [
            "/",
            "/agents",
            f"/agents/{PROBE}",
            "/checks",
            "/checks/failing",
            f"/checks/{self.check}",
            f"/checks/{self.check}/difference",
            "/alerts",
            f"/alerts/{self.alert}",
            "/proofs",
            "/proofs/stamps/1",
            "/packages",
            "/packages/find?ecosystem=pypi&q=thing",
            "/packages/history?ecosystem=pypi&name=thing",
            f"/packages/compare?a={self.report}&b={self.other}",
            f"/packages/compare?a={self.before}&b={self.run}",
            f"/packages/reports/{self.report}",
            f"/packages/reports/{self.run}",
            f"/packages/reports/{self.run}/events",
            f"/packages/reports/{self.run}/files?did=create",
            f"/packages/reports/{self.run}/findings",
            f"/packages/tasks/{self.task}",
            "/packages/find/pypi/thing",
            "/packages/watches",
            "/jobs",
            "/jobs/1",
            "/jobs/shared/sites",
            f"/agents/{strangers.NEWCOMER}",
            f"/agents/{PROBE}/commands",
            f"/agents/{PROBE}/view",
            "/agents/enroll",
            "/alerts/rules",
            "/alerts/mutes",
            "/modules/soc",
            "/sandbox",
            "/modules",
            "/settings",
            "/settings/people",
            "/settings/keys",
            "/settings/audit",
            "/account",
            "/password",
            "/verify",
            "/status",
            f"/proof/{self.check}",
            "/nothing/here",
        ]


async def furnish(site: Site, evil: str = EVIL, *, payload: bytes = b"", run: bool = True) -> Furnished:
    """Agents in every state, checks of every kind, reports, alerts, keys, people; `evil` wherever a stranger writes.

    Without `run` the recorded run is left as it was: in its thousands of words nothing else is to be seen.
    """
    await _agents(site, evil)
    await site.message(evil, {"performative": evil, evil: evil}, stanza=f"<message>{evil}</message>")
    for status in ("ok", "warning", "critical", "unknown"):
        await site.receive(observation(detail={"target": f"{status}.example", "status": status}))
    run = {"argv": ["nmap", evil], "exit_status": 0, "duration_s": 2.5, "stderr": evil}
    result = {"parser": evil[:40], "version": "1", "data": {evil: evil, "latency_ms": 12.5}}
    first = observation(
        type=evil[:190].replace("\x1b", ""),
        format=evil[:20],
        payload=(evil + "\nthe same\nold").encode(),
        detail={
            "target": evil,
            "status": "critical",
            "labels": {"a": evil},
            "site": evil,
            "run": run,
            "result": result,
        },
    )
    await site.receive(first)
    again = replace(first, id=uuid4(), payload=payload or (evil + "\nthe same\nnew").encode())
    receipt = await site.receive(again)
    await site.receive(observation(payload=bytes(range(256)) * 20, media="application/octet-stream"))
    await site.stamp(await site.seal())
    site.authorities.append({"name": "far", "url": evil, "last_error": evil, "self_asserted": False})
    site.told.evil = evil
    report, other = await _report(site, evil, "1.0"), await _report(site, "plain", "2.0")
    before = await recorded.put(site, "1.0")
    number = await recorded.put(site, "1.1", change=lambda found: recorded.hostile(found, evil) if run else found)
    await strangers.marked(site, evil, number)
    task = await strangers.rows(site, evil)
    alert = await _alert(site, evil, Link(again.id, receipt.seq))
    plain = "".join(sign for sign in evil if sign.isprintable() and sign != ":")
    await keys.create(site.db, name=plain[:100], scopes=("checks:read",))
    await people.add(site.db, plain[:190].strip(), "a password for nobody", role="viewer")
    await audit.add(site.db, who=evil, act="key.created", object=evil, detail={evil: evil})
    await searches.keep(site.db, "ada", "checks", evil[:90].replace("\x1b", ""), "status=ok")
    return Furnished(str(again.id), report, other, str(alert), number, before, task)


async def _agents(site: Site, evil: str) -> None:
    await site.agent()
    await site.agent("down@pumpkin.example", show="unavailable", last_error=evil)
    await site.agent("new@pumpkin.example", state="pending")
    long = "a-probe-with-quite-a-long-name-in-hall-seventeen-rack-42@pumpkin.example"
    graph = {"watch": {"ok": "watch", "critical": evil}, evil: {"*": "watch"}}
    await site.agent(long, show="dnd", detail={"graph": graph, "start": "watch", "at": evil})
    for jid in (PROBE, long):
        site.presence[jid] = replace(site.presence[jid], status=evil)


async def _report(site: Site, evil: str, version: str) -> int:
    now = time.time_ns() // 1_000
    wish = Submission(
        owner="user:ada", asked=evil, purl=f"pkg:pypi/thing@{version}", ecosystem="pypi", name="thing", version=version,
        tools="static",
    )  # fmt: skip
    await tasks.submit(site.db, [wish])
    (task,) = await tasks.claim(site.db, "n1")
    found = [
        {
            "tool": "static",
            "group": "static-text",
            **{"level": "high", "reason": evil, "file": evil, "line": 3, "quote": evil, "rule": evil},
            "tactic": evil[:30],
            "weight": 20.0,
        },
    ]
    verdict = {"outcome": "malicious", "score": 90, "why": [evil], "groups": {}, "not_checked": [evil], "rules": "r1"}
    document = {
        "metadata": documents.metadata(
            purl=task.purl, ecosystem="pypi", name="thing", version=version, status="completed", outcome="malicious",
            started=rfc3339(now), completed=rfc3339(now), duration_s=0.1,
        ),
        "analysis_results": documents.results(
            name="thing", version=version, duration_s=0.1, dynamic=None,
            tools={"static": {"status": "ran", "why": evil}}, findings=found, verdict=verdict,
            artifacts=[{"name": evil, "sha256": "ab" * 32, "size": 12}], proof={"check": str(uuid4())}, rules="r1",
        ),
    }  # fmt: skip
    data = json.dumps(document).encode()
    made = NewReport(data, "static", "malicious", 90, "r1", ("sha256:ab",), now, uuid4(), ((evil, b"\xd4\xc3"),))
    number = await reports.finish(site.db, task, made, Ending("malicious", {**verdict, "check": str(uuid4())}))
    assert number
    return number


async def _alert(site: Site, evil: str, link: Link) -> str:
    now = time.time_ns() // 1_000
    key = hashlib.sha256(evil.encode("utf-8", "surrogatepass")).hexdigest()
    subject = Subject(agent=PROBE, target=evil, labels={"a": evil})
    alert = Alert(uuid4(), "disk", "threshold", key, "critical", "open", evil, subject, now, now, checks=(link,))
    change = Change("opened", alert, now)
    async with site.db.writer() as connection, connection.transaction():
        await alerts.apply(connection, site.db.queries, [change])
    return str(alert.id)
