"""The gateway on a real embedded server, a real database, and our own probe's session from outside."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4
from xml.etree.ElementTree import Element

import pytest

from actors.aggregator import Aggregator
from actors.gateway import Gateway, Residents
from actors.outpost import run_probe
from pumpkin.adapters import commands, stanzas
from pumpkin.adapters.session import InProcess
from pumpkin.adapters.stanzas import StanzaError, check_iq, message, presence
from pumpkin.adapters.xmpp import XmppSession, tls_context
from pumpkin.adapters.xmppd import XmppServer
from pumpkin.bus import Bus
from pumpkin.errors import Conflict
from pumpkin.model import jobs, wire
from pumpkin.store import agents, checks, fleet
from pumpkin.store.database import Database
from tests.adapters.xmppd.memory import MemoryStore

PASSWORD = "an0ther secret"


@dataclass
class House:
    server: XmppServer
    gateway: Gateway
    aggregator: Aggregator
    db: Database
    bus: Bus


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("xmpp")


@pytest.fixture
async def house(database: Database, certificates: Path) -> AsyncIterator[House]:
    server = XmppServer(MemoryStore(), "localhost", "127.0.0.1", 0, certificates)
    await server.start()
    for name in ("alice", "bob"):
        await server.add_account(name, PASSWORD)
    bus, approved = Bus(), set[str]()
    aggregator = Aggregator.start(database, bus, known_agent=lambda agent: agent in approved)._actor_weakref()
    assert aggregator is not None

    def session() -> InProcess:
        aliases = ("correlation-engine", "aggregation-engine")
        return InProcess(
            lambda take: server.attach("aggregator", take, aliases=aliases, resource="pumpkin"), "aggregator@localhost"
        )

    gateway = Gateway.start(
        database, bus, open_session=session, receive=aggregator.receive, approved=approved
    )._actor_weakref()
    assert gateway is not None
    await gateway.started()
    yield House(server, gateway, aggregator, database, bus)
    for actor in (gateway, aggregator):
        await actor.actor_ref.stop(block=False)
        await actor.ended()
    await server.stop()


@pytest.fixture
async def login(house: House) -> AsyncIterator[Callable[..., Awaitable[XmppSession]]]:
    sessions: list[XmppSession] = []

    async def make(user: str = "alice") -> XmppSession:
        context = tls_context(house.server.ca_path)
        one = XmppSession(f"{user}@localhost", PASSWORD, host="127.0.0.1", port=house.server.port, context=context)
        one.start()
        sessions.append(one)
        await one.wait_connected()
        return one

    yield make
    for one in sessions:
        await one.stop()


class Ear:
    """What a session hears."""

    def __init__(self, session: XmppSession) -> None:
        self.heard: asyncio.Queue[Element] = asyncio.Queue()
        session.on_message = self.heard.put_nowait
        session.on_presence = self.heard.put_nowait

    async def until(self, fits: Callable[[Element], bool]) -> Element:
        async with asyncio.timeout(15):
            while True:
                found = await self.heard.get()
                if fits(found):
                    return found


def said(stanza: Element) -> dict[str, str]:
    read = stanzas.read_message(stanza, 0)
    return {"body": read.body, **read.metadata} if read is not None else {}


def scandale(uuid: str) -> dict[str, Any]:
    return {
        "version": "1",
        "format": "scanning",
        "meta": {"uuid": uuid, "ts": 1_681_000_000, "type": "nmap"},
        "payload": {"raw": base64.b64encode(b"80/tcp open").decode()},
    }


def native(uuid: str, text: str = "x") -> dict[str, Any]:
    return {"id": uuid, "type": "http", "format": "text", "payload": {"text": text}}


SPADE = {"performative": "inform", "ontology": "probeAgentOntology", "language": "OWL-S"}


async def test_a_scandale_message_is_stored_and_confirmed(house: House, login: Any) -> None:
    await house.gateway.approve("alice@localhost")
    session = await login()
    ear, uuid = Ear(session), str(uuid4())
    session.send(message("aggregation-engine@localhost", json.dumps(scandale(uuid)), SPADE))
    answer = await ear.until(lambda one: "performative" in said(one))
    assert said(answer)["performative"] == "confirm"
    assert said(answer)["uuid"] == uuid
    assert answer.get("from", "").startswith("aggregation-engine@localhost")
    kept = await checks.get(house.db, uuid)
    assert kept is not None
    assert kept.agent == "alice@localhost"


async def test_a_native_check_is_answered_after_the_commit(house: House, login: Any) -> None:
    await house.gateway.approve("alice@localhost")
    session = await login()
    uuid = str(uuid4())
    to = "aggregator@localhost/pumpkin"
    for text in ("small", "small", "large " * 2_000):
        body = native(uuid if text == "small" else str(uuid4()), text)
        answer = await session.request(check_iq(body, to))
        stored = answer.find("{urn:pumpkin:check:0}stored")
        assert stored is not None
        assert stored.get("id") == body["id"]
        assert await checks.get(house.db, body["id"]) is not None
    assert (house.gateway.counts["checks"], house.gateway.counts["checks_known"]) == (2, 1)
    with pytest.raises(StanzaError) as conflict:
        await session.request(check_iq(native(uuid, "other"), to))
    assert (conflict.value.condition, conflict.value.remote_code) == ("conflict", "check_conflict")


async def test_a_stranger_is_refused_counted_and_written_down(house: House, login: Any) -> None:
    session = await login("bob")
    ear = Ear(session)
    session.send(message("aggregator@localhost", json.dumps(scandale(str(uuid4()))), SPADE))
    answer = await ear.until(lambda one: "performative" in said(one))
    assert (said(answer)["performative"], said(answer)["code"]) == ("refuse", "unknown_agent")
    with pytest.raises(StanzaError) as refused:
        await session.request(check_iq(native(str(uuid4())), "aggregator@localhost/pumpkin"))
    assert refused.value.condition == "forbidden"
    assert house.gateway.counts["refused_unknown_agent"] == 2
    assert await fleet.state(house.db, "bob@localhost") == "pending"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("{", "invalid_json"),
        (json.dumps({"meta": {}, "payload": {}}), "invalid_check"),
        (json.dumps(scandale("nope")), "invalid_check"),
        (json.dumps({**scandale(str(uuid4())), "payload": {"raw": "no base64!"}}), "invalid_check"),
    ],
)
async def test_a_malformed_check_is_refused_with_its_code(house: House, login: Any, body: str, code: str) -> None:
    await house.gateway.approve("alice@localhost")
    session = await login()
    ear = Ear(session)
    session.send(message("aggregator@localhost", body, SPADE))
    answer = await ear.until(lambda one: "performative" in said(one))
    assert (said(answer)["performative"], said(answer)["code"]) == ("refuse", code)
    assert house.gateway.counts[f"refused_{code}"] == 1


@pytest.mark.parametrize("observed", ["1971-01-01T00:00:00Z", "2999-12-31T23:59:59Z"])
async def test_a_probe_whose_clock_is_years_off_is_stored_by_when_it_came(
    house: House, login: Any, observed: str
) -> None:
    await house.gateway.approve("alice@localhost")
    session = await login("alice")
    body = {"id": str(uuid4()), "type": "clock", "observed": observed, "payload": {"text": "x"}}
    answer = await session.request(check_iq(body, "aggregator@localhost/pumpkin"))
    assert answer.get("type") == "result"
    [kept], _ = await checks.page(house.db, type="clock", limit=10)
    assert (str(kept.id), wire.rfc3339(kept.observed)[:4]) == (body["id"], observed[:4])
    assert abs(kept.received - time.time_ns() // 1_000) < 60_000_000


async def test_presence_of_an_approved_agent_is_on_the_board(house: House, login: Any) -> None:
    await house.gateway.approve("alice@localhost")
    changes = house.bus.subscribe(["presence.changed"])
    session = await login()
    ear = Ear(session)
    session.send(presence(show="away", status="lunch"))
    session.send(presence("subscribe", to="aggregator@localhost"))
    asked = await ear.until(lambda one: one.get("type") == "subscribe")
    session.send(presence("subscribed", to=asked.get("from")))
    async with asyncio.timeout(15):
        async for event in changes:
            if event.data["jid"] == "alice@localhost" and event.data["show"] == "away":
                break
    shown = house.gateway.board.agents["alice@localhost"]
    assert (shown.show, shown.status) == ("away", "lunch")
    await session.stop()
    async with asyncio.timeout(15):
        async for event in changes:
            if event.data["show"] == "unavailable":
                break
    assert house.gateway.board.agents["alice@localhost"].show == "unavailable"


async def test_a_newcomers_request_waits_until_somebody_approves_it(house: House, login: Any) -> None:
    session = await login("bob")
    ear = Ear(session)
    changes = house.bus.subscribe(["presence.changed"])
    session.send(presence())
    session.send(presence("subscribe", to="correlation-engine@localhost"))
    async with asyncio.timeout(15):
        async for event in changes:
            assert event.data["jid"] == "bob@localhost"
            break
    await house.gateway.approve("bob@localhost")
    granted = await ear.until(lambda one: one.get("type") == "subscribed")
    assert granted.get("from") == "correlation-engine@localhost"


async def test_a_plain_message_is_kept_and_announced(house: House, login: Any) -> None:
    await house.gateway.approve("alice@localhost")
    heard = house.bus.subscribe(["message.received"])
    session = await login()
    session.send(message("aggregator@localhost", "how are you?", {"performative": "query"}, thread="t"))
    async with asyncio.timeout(15):
        async for event in heard:
            assert event.data["performative"] == "query"
            break
    await house.gateway._ledger.flush()
    async with house.db.reader() as connection:
        row = await connection.fetchrow("select * from messages")
    assert (row["sender"], row["body"], row["thread"]) == ("alice@localhost", "how are you?", "t")


async def test_a_probe_delivers_over_xmpp_and_is_seen(house: House, tmp_path: Path) -> None:
    await house.gateway.approve("alice@localhost")
    config = jobs.parse(
        {
            "jid": "alice@localhost",
            "passwd": PASSWORD,
            "server": f"127.0.0.1:{house.server.port}",
            "ca": str(house.server.ca_path),
            "type": "echo",
            "command": "echo {target}",
            "target": "hello you",
            "result_parser": "lines",
            "jobs": [{}, {"target": "again"}, {"command": "false"}],
        }
    )
    summary = await asyncio.wait_for(run_probe(config, data=tmp_path, stop=asyncio.Event()), 60)
    assert (summary.delivered, summary.spool.waiting) == (3, 0)
    kept, _ = await checks.page(house.db, agent="alice@localhost", limit=10)
    assert {(one.target, one.size, one.status) for one in kept} == {
        ("hello you", 10, "ok"),
        ("again", 6, "ok"),
        ("hello you", 0, "critical"),
    }
    assert "alice@localhost" in house.gateway.board.agents
    assert house.gateway.counts["reports"] >= 1


async def test_a_probe_is_commanded_from_the_gateway(house: House, tmp_path: Path) -> None:
    await house.gateway.approve("alice@localhost")
    config = jobs.parse(
        {
            "jid": "alice@localhost",
            "passwd": PASSWORD,
            "server": f"127.0.0.1:{house.server.port}",
            "ca": str(house.server.ca_path),
            "type": "echo",
            "command": "echo hello",
            "period": 3_600,
        }
    )
    changes = house.bus.subscribe(["presence.changed"])
    stored = house.bus.subscribe(["check.stored"])
    stop = asyncio.Event()
    probe = asyncio.create_task(run_probe(config, data=tmp_path, stop=stop))
    await first(changes, lambda data: data["show"] == "available")
    await first(stored, lambda data: True)
    offered = await house.gateway.commands_of("alice@localhost")
    assert {one["node"] for one in offered} == {"run", "pause", "resume", "period", "jobs", "view", "confirm"}
    question = await house.gateway.command("alice@localhost", "run")
    assert (question["status"], question["form"]["fields"][0]["options"][0]["value"]) == ("executing", "echo-1")
    answer = await house.gateway.command("alice@localhost", "run", {"job": "echo-1"}, question["session"], "complete")
    assert answer["status"] == "completed"
    assert "echo-1: ok" in answer["notes"][0]["text"]
    assert (await house.gateway.run_agent("alice@localhost", ""))["channel"] == "command"
    for _ in range(2):
        await first(stored, lambda data: True)
    rows = (await house.gateway.command("alice@localhost", "jobs"))["form"]["rows"]
    assert rows[0]["name"] == ["echo-1"]
    with pytest.raises(StanzaError) as unknown:
        await house.gateway.command("alice@localhost", "nope")
    assert unknown.value.condition == "item-not-found"
    with pytest.raises(StanzaError) as wrong:
        await house.gateway.command("alice@localhost", "period", {"job": "echo-1", "period": "soon"}, None, "complete")
    assert wrong.value.condition == "bad-request"
    stop.set()
    await asyncio.wait_for(probe, 30)


async def test_a_stranger_may_not_command_a_probe(house: House, login: Any, tmp_path: Path) -> None:
    config = jobs.parse(
        {
            "jid": "alice@localhost/here",
            "passwd": PASSWORD,
            "server": f"127.0.0.1:{house.server.port}",
            "ca": str(house.server.ca_path),
            "command": "echo hello",
            "period": 3_600,
        }
    )
    await house.gateway.approve("alice@localhost")
    stored = house.bus.subscribe(["check.stored"])
    stop = asyncio.Event()
    probe = asyncio.create_task(run_probe(config, data=tmp_path, stop=stop))
    await first(stored, lambda data: True)
    stranger = await login("bob")
    with pytest.raises(StanzaError) as refused:
        await commands.execute(stranger, "alice@localhost/here", "run", {"job": ""})
    assert refused.value.condition == "forbidden"
    assert await commands.offered(stranger, "alice@localhost/here") == []
    stop.set()
    await asyncio.wait_for(probe, 30)


async def test_what_the_command_line_decides_is_taken_over(house: House, login: Any) -> None:
    session = await login("bob")
    ear = Ear(session)
    changes = house.bus.subscribe(["presence.changed"])
    session.send(presence())
    session.send(presence("subscribe", to="aggregator@localhost"))
    await first(changes, lambda data: data["jid"] == "bob@localhost")
    await fleet.decide(house.db, "bob@localhost", "approved", 1)
    await ear.until(lambda one: one.get("type") == "subscribed")
    await session.request(check_iq(native(str(uuid4())), "aggregator@localhost/pumpkin"))
    await fleet.decide(house.db, "bob@localhost", "revoked", 1)
    await ear.until(lambda one: one.get("type") == "unsubscribed")
    with pytest.raises(StanzaError):
        await session.request(check_iq(native(str(uuid4())), "aggregator@localhost/pumpkin"))


async def first(events: Any, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    async with asyncio.timeout(20):
        async for event in events:
            if fits(event.data):
                data: dict[str, Any] = event.data
                return data
    raise AssertionError("the bus ended")


async def test_an_agent_of_this_process_is_still_here_after_the_gateway_restarts(house: House) -> None:
    asked: list[str] = []
    residents: Residents = {}
    house.gateway._here = residents
    await house.gateway.adopt("demo@localhost", asked.append)
    again = Gateway.start(
        house.db,
        house.bus,
        open_session=lambda: InProcess(lambda take: house.server.attach("other", take), "other@localhost"),
        receive=house.aggregator.receive,
        residents=residents,
    )._actor_weakref()
    assert again is not None
    await again.started()
    assert again.board.agents["demo@localhost"].show == "available"
    assert await again.run_agent("demo@localhost", "disk") == {"channel": "process"}
    assert asked == ["disk"]
    with pytest.raises(Conflict, match="takes no orders"):
        await again.ask_agent("demo@localhost", Element("order"))
    await again.actor_ref.stop(block=False)
    await again.ended()


async def test_behaviours_of_an_agent_that_reports_none_are_inferred(house: House, login: Any) -> None:
    await house.gateway.approve("alice@localhost")
    session = await login()
    ear = Ear(session)
    for _ in range(2):
        session.send(message("aggregator@localhost", json.dumps(scandale(str(uuid4()))), SPADE))
        await ear.until(lambda one: said(one).get("performative") == "confirm")
    await house.gateway._uptime()
    agent = await agents.get(house.db, "alice@localhost")
    assert agent is not None
    assert [(one.name, one.inferred, one.detail["checks"]) for one in agent.behaviours] == [("nmap", True, 2)]
    report = {"behaviours": [{"name": "scan", "kind": "periodic", "state": "idle"}]}
    await house.gateway.report("alice@localhost", report)
    await fleet.infer(house.db, {"alice@localhost": [{"name": "nmap", "kind": "cyclic", "inferred": True}]})
    agent = await agents.get(house.db, "alice@localhost")
    assert agent is not None
    assert [one.name for one in agent.behaviours] == ["scan"]


async def test_a_removed_account_is_put_out_and_leaves_its_contacts(house: House, login: Any) -> None:
    await house.gateway.approve("alice@localhost")
    session, other = await login(), await login("bob")
    ear = Ear(other)
    other.send(presence())
    other.send(presence("subscribe", to="alice@localhost"))
    session.on_presence = lambda one: (
        session.send(presence("subscribed", to=one.get("from", "").partition("/")[0]))
        if one.get("type") == "subscribe"
        else None
    )
    session.send(presence())
    await ear.until(lambda one: one.get("from", "").startswith("alice@localhost/"))
    store = house.server._store
    await store.delete_account("alice")
    await house.server.account_closed("alice")
    gone = await ear.until(lambda one: one.get("type") in ("unavailable", "unsubscribed"))
    assert gone.get("from", "").startswith("alice@localhost")
    async with asyncio.timeout(10):
        while session.connected:
            await asyncio.sleep(0.02)
    assert "alice@localhost" not in await house.server.router.rosters.of("bob@localhost")


async def test_agents_find_each_other_by_duty_the_available_first(house: House, login: Any) -> None:
    for user, site in (("alice", "roof"), ("bob", "cellar"), ("carol", "roof")):
        await house.gateway.approve(f"{user}@localhost")
        report = {"duties": ["probe"], "site": site, "behaviours": [{"name": "x", "kind": "periodic"}]}
        await house.gateway.report(f"{user}@localhost", report)
    alice, bob = await login(), await login("bob")
    bob.send(presence())
    bob.send(presence(to="aggregator@localhost"))
    async with asyncio.timeout(10):
        while house.gateway.board.agents.get("bob@localhost") is None:
            await asyncio.sleep(0.02)
    to = "aggregator@localhost/pumpkin"

    async def find(**wanted: str) -> list[tuple[str | None, str | None]]:
        asked = Element("{urn:pumpkin:find:0}find", wanted)
        answer = await alice.request(stanzas.iq("get", to, None, asked))
        return [(one.get("jid"), one.get("show")) for one in answer.iter("{urn:pumpkin:find:0}agent")]

    assert await find(duty="probe") == [("bob@localhost", "available"), ("carol@localhost", "unavailable")]
    assert await find(duty="probe", site="roof") == [("carol@localhost", "unavailable")]
    assert await find(duty="probe", behaviour="cyclic") == []
    with pytest.raises(StanzaError, match="bad-request"):
        await find()
    await house.gateway.revoke("alice@localhost")
    with pytest.raises(StanzaError, match="forbidden"):
        await find(duty="probe")
