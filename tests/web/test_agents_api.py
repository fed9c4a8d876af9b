"""`/api/v1/agents` over a real socket: the registry with presence, and what is done with an agent."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from pumpkin.model.agents import Behaviour, Board, Message, Presence
from pumpkin.store import accounts, agents, audit, messages
from pumpkin.web.fleet import Fleet as Grounds
from tests.web.conftest import StartWeb, Web

JID = "probe@pumpkin.example"


@dataclass
class Fleet:
    """A small fleet that remembers what it was asked."""

    asked: list[tuple[Any, ...]] = field(default_factory=list)

    async def approve(self, jid: str, who: str) -> None:
        self.asked.append(("approve", jid, who))

    async def revoke(self, jid: str, who: str) -> None:
        self.asked.append(("revoke", jid, who))

    async def run_agent(self, jid: str, job: str) -> str:
        self.asked.append(("run", jid, job))
        return "started"

    async def send_message(self, jid: str, body: str, metadata: dict[str, str]) -> str:
        self.asked.append(("message", jid, body, dict(metadata)))
        return "id-1"

    async def subscription(self, jid: str, kind: str) -> None:
        self.asked.append((kind, jid))

    async def command(self, *asked: Any) -> dict[str, Any]:
        self.asked.append(("command", *asked))
        return {"status": "completed"}


@pytest.fixture
async def fleet() -> Fleet:
    return Fleet()


@pytest.fixture
async def served(start_web: StartWeb, fleet: Fleet) -> Web:
    """One approved agent that is away, one pending one, and a fleet to act on."""
    board = Board({JID: Presence("away", "lunch", 1_790_000_000_000_000, {"a": "away"})})
    web = await start_web(
        board=lambda: board,
        approve=fleet.approve,
        revoke=fleet.revoke,
        run_agent=fleet.run_agent,
        send_message=fleet.send_message,
        command=fleet.command,
        subscription=fleet.subscription,
    )
    db = web.services.db
    await agents.seen(db, JID, state="approved")
    await agents.seen(db, "new@pumpkin.example")
    await agents.describe(db, JID, duties=["probe"], tags=["lab"], site="a", version="1")
    await agents.set_behaviours(db, JID, [Behaviour("ping", "periodic", "idle", 60.0)])
    await agents.add_up_time(db, [(JID, datetime.now(UTC).date(), 43_200.0)])
    return web


async def test_the_list_shows_presence_and_filters(served: Web) -> None:
    headers = await served.key("agents:read")
    async with served.client.get("/api/v1/agents", headers=headers) as answer:
        shown = (await answer.json())["data"]["items"]
    assert [(one["jid"], one["state"], one["presence"]["show"]) for one in shown] == [
        ("new@pumpkin.example", "pending", "unavailable"),
        (JID, "approved", "away"),
    ]
    for query, count in (("state=pending", 1), ("duty=probe", 1), ("tag=lab&state=pending", 0), ("limit=1", 1)):
        async with served.client.get(f"/api/v1/agents?{query}", headers=headers) as answer:
            assert len((await answer.json())["data"]["items"]) == count
    async with served.client.get("/api/v1/agents?state=odd", headers=headers) as answer:
        assert answer.status == 400


async def test_one_agent_has_behaviours_and_history(served: Web) -> None:
    headers = await served.key("agents:read")
    async with served.client.get(f"/api/v1/agents/{JID.upper()}", headers=headers) as answer:
        shown = (await answer.json())["data"]
    assert (shown["duties"], shown["site"], shown["presence"]["status"]) == (["probe"], "a", "lunch")
    behaviour = shown["behaviours"][0]
    assert (behaviour["name"], behaviour["kind"], behaviour["period_s"]) == ("ping", "periodic", 60.0)
    assert shown["history"][0]["up_fraction"] == 0.5
    for name in ("nobody@pumpkin.example", "no-jid", "%00@x"):
        async with served.client.get(f"/api/v1/agents/{name}", headers=headers) as answer:
            assert (answer.status, (await answer.json())["code"]) == (404, "not_found")


@pytest.mark.parametrize("name", ["aggregator", "aggregation-engine", "correlation-engine"])
async def test_pumpkins_own_agents_are_not_shut_out(start_web: StartWeb, fleet: Fleet, name: str) -> None:
    web = await start_web(fleet=Grounds(domain="pumpkin.example"), revoke=fleet.revoke)
    jid = f"{name}@pumpkin.example"
    await agents.seen(web.services.db, jid, state="approved")
    headers = await web.key("agents:*")
    for method, url in (("POST", f"/api/v1/agents/{jid}/revoke"), ("DELETE", f"/api/v1/agents/{jid}")):
        async with web.client.request(method, url, headers=headers) as answer:
            assert (answer.status, (await answer.json())["code"]) == (409, "conflict")
    assert fleet.asked == []


async def test_actions_reach_the_fleet_and_the_audit(served: Web, fleet: Fleet) -> None:
    headers = await served.key("agents:*")
    posts: tuple[tuple[str, Any, int], ...] = (
        ("approve", None, 200),
        ("revoke", None, 200),
        ("run", {"job": "ping"}, 202),
        ("run", None, 202),
        ("message", {"body": "hello", "metadata": {"performative": "inform"}}, 202),
        ("command", {"node": "run-now", "form": {"job": "ping"}}, 200),
    )
    for act, body, status in posts:
        url = f"/api/v1/agents/{JID}/{act}"
        sent = {} if body is None else {"json": body}
        async with served.client.post(url, headers=headers, **sent) as answer:
            assert answer.status == status, await answer.text()
    assert [one[0] for one in fleet.asked] == ["approve", "revoke", "run", "run", "message", "command"]
    assert fleet.asked[4] == ("message", JID, "hello", {"performative": "inform"})
    assert fleet.asked[5] == ("command", JID, "run-now", {"job": "ping"}, None, "execute")
    noted = [one.act for one in await audit.page(served.services.db, object=f"agent:{JID}")]
    assert noted == ["agent.command", "agent.message", "agent.run", "agent.run"]


@pytest.mark.parametrize(("jid", "job"), [(JID, "scan"), ("new@pumpkin.example", "")])
async def test_what_an_agent_does_not_do_is_not_run(served: Web, fleet: Fleet, jid: str, job: str) -> None:
    headers = await served.key("agents:write")
    async with served.client.post(f"/api/v1/agents/{jid}/run", json={"job": job}, headers=headers) as answer:
        told = await answer.json()
    assert (answer.status, told["code"], list(told["fields"])) == (400, "unknown_behaviour", ["job"])
    assert fleet.asked == []


@pytest.mark.parametrize(
    ("act", "data"),
    [
        ("message", b"{}"),
        ("message", b'{"body": ""}'),
        ("message", b'{"body": "x", "more": 1}'),
        ("command", b'{"node": "x", "action": "explode"}'),
        ("run", b"{"),
        ("run", b'{"job": 7}'),
        ("run", b'{"job": "a", "job": "b"}'),
    ],
)
async def test_a_bad_action_is_400_and_reaches_nobody(served: Web, fleet: Fleet, act: str, data: bytes) -> None:
    headers = await served.key("agents:write")
    async with served.client.post(f"/api/v1/agents/{JID}/{act}", data=data, headers=headers) as answer:
        assert answer.status == 400
    assert fleet.asked == []


async def test_acting_needs_its_scope(served: Web, fleet: Fleet) -> None:
    headers = await served.key("agents:read")
    for act in ("approve", "revoke", "run", "message", "command"):
        async with served.client.post(f"/api/v1/agents/{JID}/{act}", headers=headers) as answer:
            assert answer.status == 403
    assert fleet.asked == []


async def test_without_a_fleet_it_is_503(start_web: StartWeb) -> None:
    web = await start_web()
    headers = await web.key("agents:write")
    async with web.client.post(f"/api/v1/agents/{JID}/approve", headers=headers) as answer:
        assert (answer.status, (await answer.json())["code"]) == (503, "unavailable")


async def test_messages_come_newest_first_by_page(served: Web) -> None:
    db = served.services.db
    for number in range(3):
        to = "aggregator@pumpkin.example"
        await messages.add(db, Message(f"m{number}", JID, to, f"body {number}", None, {"a": "b"}, number))
    headers = await served.key("agents:read")
    async with served.client.get(f"/api/v1/agents/{JID}/messages?limit=2", headers=headers) as answer:
        page = (await answer.json())["data"]
    assert [one["id"] for one in page["items"]] == ["m2", "m1"]
    url = f"/api/v1/agents/{JID}/messages?limit=2&cursor={page['next']}"
    async with served.client.get(url, headers=headers) as answer:
        page = (await answer.json())["data"]
    assert ([one["id"] for one in page["items"]], page["next"]) == (["m0"], None)


async def test_contacts_are_those_of_the_roster_and_can_be_asked_for(served: Web, fleet: Fleet) -> None:
    store, headers = accounts.Accounts(served.services.db), await served.key("agents:read", "agents:write")
    for contact, subscription, ask in (("a@x", "both", None), ("b@x", "none", "subscribe"), ("c@x", "hidden", None)):
        await store.set_roster_item(JID, {"contact": contact, "subscription": subscription, "ask": ask})
    async with served.client.get(f"/api/v1/agents/{JID}", headers=headers) as answer:
        shown = (await answer.json())["data"]["contacts"]
    assert shown == [
        {"jid": "a@x", "subscription": "both", "ask": None},
        {"jid": "b@x", "subscription": "none", "ask": "subscribe"},
    ]
    for kind in ("subscribe", "unsubscribe"):
        async with served.client.post(f"/api/v1/agents/{JID}/{kind}", headers=headers) as answer:
            assert answer.status == 202
    assert fleet.asked == [("subscribe", JID), ("unsubscribe", JID)]
