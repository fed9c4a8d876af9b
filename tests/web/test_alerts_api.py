"""Alerts, rules, silences and maintenance over HTTP, with a real correlator behind them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from actors.correlator import Correlator
from pumpkin.store import audit
from pumpkin.web.alerts import Correlation
from tests.actors.conftest import observation
from tests.actors.desk import DOWN, PACE
from tests.web.conftest import StartWeb, Web


@dataclass
class Desk:
    """A web with a correlator, and keys that may act, and that may read."""

    web: Web
    actor: Correlator
    file: Path
    may: dict[str, str]

    async def ask(self, method: str, path: str, status: int = 200, body: Any = None, **headers: Any) -> Any:
        given = headers.get("headers", self.may)
        async with self.web.client.request(method, path, json=body, headers=given) as answer:
            assert answer.status == status, await answer.text()
            return await answer.json()

    async def broken(self, target: str = "shop") -> dict[str, Any]:
        """A check breaks the rule; its alert, when it was told."""
        seen = observation(type="http", detail={"status": "critical", "target": target})
        await self.web.line.aggregator.actor.receive(seen)
        self.actor.wake()
        async with asyncio.timeout(10):
            while True:
                items = (await self.ask("GET", f"/api/v1/alerts?target={target}"))["data"]["items"]
                if items:
                    shown: dict[str, Any] = (await self.ask("GET", f"/api/v1/alerts/{items[0]['id']}"))["data"]
                    if all(one["check"] for one in shown["events"]):
                        return shown
                await asyncio.sleep(0.01)


@pytest.fixture
async def desk(start_web: StartWeb, tmp_path: Path) -> AsyncIterator[Desk]:
    actors: list[Correlator] = []

    def one() -> Correlator:
        return actors[0]

    correlation = Correlation(lambda: one().status(), lambda: one().wake(), lambda: one().reload())
    web = await start_web(correlation=correlation)
    file = tmp_path / "alerts.toml"
    file.write_text(DOWN, "utf-8")
    ref = Correlator.start(
        web.services.db,
        web.services.bus,
        origin="log.example",
        holder="me",
        rules=file,
        receive=web.services.receive,
        pace=PACE,
    )
    actor = ref._actor_weakref()
    assert actor is not None
    actors.append(actor)
    async with asyncio.timeout(10):
        while actor.state != "running":
            await asyncio.sleep(0.01)
    yield Desk(web, actor, file, await web.key("checks:read", "alerts:write"))
    await ref.stop(block=False)
    await actor.ended()


async def test_an_alert_from_its_opening_to_its_end(desk: Desk) -> None:
    alert = await desk.broken()
    assert (alert["state"], alert["rule"], alert["target"], alert["muted"]) == ("open", "down", "shop", None)
    path = f"/api/v1/alerts/{alert['id']}"
    assert (await desk.ask("POST", f"{path}/acknowledge", body={"text": "mine"}))["data"]["state"] == "acknowledged"
    assert (await desk.ask("POST", f"{path}/acknowledge", 409))["code"] == "conflict"
    assert (await desk.ask("POST", f"{path}/comment", 400, {"text": " "}))["code"] == "invalid_request"
    await desk.ask("POST", f"{path}/comment", body={"text": "it is the disk"})
    over = (await desk.ask("POST", f"{path}/resolve", body={"text": "new disk"}))["data"]
    assert (over["state"], over["why"], over["resolved_by"][:4]) == ("resolved", "new disk", "key:")
    listed = await desk.ask("GET", "/api/v1/alerts?state=standing")
    assert listed["data"]["items"] == []
    assert [one.act for one in await audit.page(desk.web.services.db)] == [
        "alert.resolved",
        "alert.commented",
        "alert.acknowledged",
    ]


async def test_who_may_only_read_may_not_act(desk: Desk) -> None:
    alert = await desk.broken()
    reader = await desk.web.key("checks:read")
    for method, path in (
        ("POST", f"/api/v1/alerts/{alert['id']}/acknowledge"),
        ("POST", "/api/v1/rules/reload"),
        ("POST", "/api/v1/silences"),
        ("DELETE", "/api/v1/maintenance/1"),
    ):
        assert (await desk.ask(method, path, 403, headers=reader))["code"] == "forbidden"
        assert (await desk.ask(method, path, 401, headers={}))["code"] == "api_key_required"
    await desk.ask("GET", "/api/v1/rules", headers=reader)


WRONG: list[tuple[str, str, int, Any]] = [
    ("GET", "/api/v1/alerts?state=broken", 400, None),
    ("GET", "/api/v1/alerts?severity=bad", 400, None),
    ("GET", "/api/v1/alerts?limit=0", 400, None),
    ("GET", "/api/v1/alerts?rule=%00%ff", 400, None),
    ("GET", "/api/v1/alerts?serverity=critical", 400, None),
    ("GET", "/api/v1/alerts?agent=" + "a" * 2_001, 400, None),
    ("GET", "/api/v1/alerts/no-uuid", 404, None),
    ("GET", "/api/v1/alerts/8d4bb3e2-6f5c-4c92-9b83-0f1c8a5d7e21", 404, None),
    ("POST", "/api/v1/alerts/8d4bb3e2-6f5c-4c92-9b83-0f1c8a5d7e21/resolve", 404, None),
    ("POST", "/api/v1/silences", 400, {"matcher": {}, "lasts": "1h", "reason": "x"}),
    ("POST", "/api/v1/silences", 400, {"matcher": {"rule": "*"}, "reason": "x"}),
    ("POST", "/api/v1/silences", 400, {"matcher": {"rule": "*"}, "lasts": "1h", "reason": ""}),
    ("POST", "/api/v1/silences", 400, {"matcher": {"rule": "*"}, "lasts": "1 parsec", "reason": "x"}),
    ("POST", "/api/v1/silences", 400, {"matcher": {"rule": "*"}, "until": "2020-01-01T00:00:00Z", "reason": "x"}),
    (
        "POST",
        "/api/v1/maintenance",
        400,
        {
            "matcher": {"rule": "*"},
            "starts": "2020-01-01T00:00:00Z",
            "ends": "2090-01-01T00:00:00Z",
            "cron": "nonsense",
            "lasts": "1h",
            "reason": "x",
        },
    ),
    ("DELETE", "/api/v1/silences/99", 404, None),
    ("DELETE", "/api/v1/silences/x", 404, None),
]


async def test_what_is_asked_wrongly(desk: Desk) -> None:
    for method, path, status, body in WRONG:
        await desk.ask(method, path, status, body)


async def test_silences_and_windows_are_set_listed_and_ended(desk: Desk) -> None:
    alert = await desk.broken()
    made = (await desk.ask("POST", f"/api/v1/alerts/{alert['id']}/silence", 201, {"lasts": "2h", "reason": "known"}))[
        "data"
    ]
    assert made["matcher"] == {"rule": ["down"], "agent": [alert["agent"]], "type": ["http"], "target": ["shop"]}
    async with asyncio.timeout(10):
        while not (await desk.ask("GET", f"/api/v1/alerts/{alert['id']}"))["data"]["muted"]:
            await asyncio.sleep(0.01)
    window = {
        "matcher": {"site": ["hall-7", "hall-8"]},
        "starts": "2026-01-01T00:00:00",
        "ends": "2090-01-01T00:00:00Z",
        "cron": "0 3 * * 0",
        "lasts": "2h",
        "zone": "Europe/Paris",
        "reason": "the weekly backup",
    }
    planned = (await desk.ask("POST", "/api/v1/maintenance", 201, window))["data"]
    assert (planned["kind"], planned["lasts_s"], planned["zone"]) == ("maintenance", 7_200, "Europe/Paris")
    assert len((await desk.ask("GET", "/api/v1/silences"))["data"]["items"]) == 1
    assert len((await desk.ask("GET", "/api/v1/maintenance"))["data"]["items"]) == 1
    ended = (await desk.ask("DELETE", f"/api/v1/silences/{made['id']}"))["data"]
    assert ended["holds"] is False
    assert (await desk.ask("DELETE", f"/api/v1/silences/{made['id']}", 404))["code"] == "not_found"


async def test_rules_with_their_state_and_the_faults_of_a_file(desk: Desk) -> None:
    await desk.broken()
    async with asyncio.timeout(10):
        while (told := (await desk.ask("GET", "/api/v1/rules"))["data"])["behind"]:
            await asyncio.sleep(0.01)
    assert (told["state"], told["error"]) == ("running", None)
    (rule,) = told["rules"]
    assert (rule["name"], rule["firing"], rule["standing"], rule["alerts"]) == ("down", 1, 1, 1)
    desk.file.write_text("[[rule]]\nname = 1", "utf-8")
    await desk.ask("POST", "/api/v1/rules/reload", 202)
    async with asyncio.timeout(10):
        while not (told := (await desk.ask("GET", "/api/v1/rules"))["data"])["faults"]:
            await asyncio.sleep(0.01)
    assert told["faults"][0]["code"] == "rules_missing_field"
    assert len(told["rules"]) == 1


async def test_events_of_alerts_are_heard_by_who_may(desk: Desk) -> None:
    async with desk.web.client.ws_connect("/api/v1/events?topics=alert.raised", headers=desk.may) as socket:
        alert = await desk.broken("bank")
        event = await socket.receive_json(timeout=10)
    assert (event["topic"], event["data"]["id"], event["data"]["event"]) == ("alert.raised", alert["id"], "opened")
    assert event["data"]["record"]["uuid"] == alert["events"][0]["check"]
