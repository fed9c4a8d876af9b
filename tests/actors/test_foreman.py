"""Probes under orders on a real server: who gets which job, what is refused, shared lists, and a second look."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from actors import inspection
from actors.aggregator import Aggregator
from actors.foreman import Foreman
from actors.gateway import Gateway, Residents
from actors.outpost import run_probe
from actors.supervision import Child, System
from pumpkin.adapters.orders import Orders
from pumpkin.adapters.session import InProcess
from pumpkin.adapters.xmppd import XmppServer
from pumpkin.building.fleet import Desk
from pumpkin.bus import Bus
from pumpkin.errors import BadSignature, Forbidden, InvalidRequest
from pumpkin.evidence import orders
from pumpkin.evidence.orders import FleetKey
from pumpkin.model import jobs
from pumpkin.model.assignments import Targets, assignable, read_job, read_targets
from pumpkin.model.jobs import Job
from pumpkin.store import assignments, checks, pools
from pumpkin.store.database import Database
from tests.adapters.xmppd.memory import MemoryStore

PASSWORD = "an0ther secret"
Start = Callable[..., Awaitable[None]]


@dataclass
class Fleet:
    server: XmppServer
    gateway: Child[Gateway]
    foreman: Child[Foreman]
    db: Database
    bus: Bus
    key: FleetKey
    folder: Path
    stops: dict[str, tuple[asyncio.Event, asyncio.Task[Any]]] = field(default_factory=dict)

    async def probe(self, name: str, **more: Any) -> None:
        """A probe of ours, approved, from its own file's keys `more`."""
        jid = f"{name}@localhost"
        await self.gateway.actor.approve(jid)
        document = {
            **{"jid": jid, "passwd": PASSWORD, "fleet_key": self.key.public},
            **{"server": f"127.0.0.1:{self.server.port}", "ca": str(self.server.ca_path)},
            **more,
        }
        stop = asyncio.Event()
        task = asyncio.create_task(run_probe(jobs.parse(document), data=self.folder, stop=stop))
        self.stops[name] = stop, task

    async def stop(self, name: str) -> None:
        stop, task = self.stops.pop(name)
        stop.set()
        await asyncio.wait_for(task, 30)

    async def found(self, count: int, **wanted: Any) -> list[Any]:
        """Checks that fit, once there are so many."""
        async with asyncio.timeout(30):
            while True:
                rows, _ = await checks.page(self.db, limit=200, **wanted)
                if len(rows) >= count:
                    return rows
                await asyncio.sleep(0.05)

    async def until(self, jid: str, fits: Callable[[Any], bool]) -> Any:
        """The agent's order, once it fits."""
        async with asyncio.timeout(30):
            while True:
                one = await assignments.order(self.db, jid)
                if one is not None and fits(one):
                    return one
                await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("xmpp")


@pytest.fixture
async def fleet(database: Database, certificates: Path, tmp_path: Path) -> AsyncIterator[Fleet]:
    server = XmppServer(MemoryStore(), "localhost", "127.0.0.1", 0, certificates)
    await server.start()
    for name in ("alice", "bob", "carol"):
        await server.add_account(name, PASSWORD)
    bus, approved, key = Bus(), set[str](), FleetKey.generate()
    system, residents = System(bus), Residents()
    desk = Desk(database, residents, [])
    aggregator = await system.start(
        "aggregator", lambda: Aggregator.start(database, bus, known_agent=lambda agent: agent in approved)
    )

    def session() -> InProcess:
        return InProcess(lambda take: server.attach("aggregator", take), "aggregator@localhost")

    gateway = await system.start(
        "gateway",
        lambda: Gateway.start(
            database,
            bus,
            open_session=session,
            receive=aggregator.actor.receive,
            approved=approved,
            reported=desk.reported,
            attend=desk.attend,
            residents=residents,
        ),
    )
    foreman = await system.start(
        "foreman",
        lambda: Foreman.start(
            database,
            bus,
            key,
            reach=lambda jid, question: gateway.actor.ask_agent(jid, question),
            here=lambda: [jid for jid, one in gateway.actor.board.agents.items() if one.show != "unavailable"],
        ),
    )
    desk.open(gateway, foreman)
    made = Fleet(server, gateway, foreman, database, bus, key, tmp_path)
    yield made
    for name in list(made.stops):
        await made.stop(name)
    await system.stop(2.0)
    await server.stop()


async def test_a_job_goes_to_who_bears_the_tag_runs_once_and_is_changed_and_taken_back(fleet: Fleet) -> None:
    await fleet.probe("alice", tags=["roof"])
    await fleet.probe("bob", tags=["cellar"])
    once = await assignments.add(fleet.db, {"type": "once", "command": "echo {target}", "target": "a b"},
                                 Targets("tags", ("roof",)), "test")  # fmt: skip
    [check] = await fleet.found(1, type="once")
    assert check.agent == "alice@localhost"
    await fleet.until("alice@localhost", lambda one: one.running == one.version)
    assert await assignments.order(fleet.db, "bob@localhost") is None

    # Started anew, it does not run again what it has done, and obeys from its own disk.
    await fleet.stop("alice")
    kept = await assignments.add(fleet.db, {"type": "kept", "command": "echo 1", "period": 0.2}, Targets("all"), "test")
    await fleet.until("alice@localhost", lambda one: one.version == 2 and one.running == 1)
    await fleet.probe("alice", tags=["roof"])
    await fleet.found(3, type="kept", agent="alice@localhost")
    await fleet.found(1, type="kept", agent="bob@localhost")
    assert len(await fleet.found(1, type="once")) == 1

    assert await assignments.change(fleet.db, kept, {"type": "kept", "command": "echo 2", "period": 0.2})
    await fleet.until("bob@localhost", lambda one: one.running == one.version == 2)
    assert await assignments.end(fleet.db, kept)
    assert await assignments.end(fleet.db, once)
    last = await fleet.until("alice@localhost", lambda one: one.running == one.version >= 4)
    assert json.loads(last.document)["jobs"] == []


async def test_what_a_probe_may_not_run_is_said_and_the_rest_is_done(fleet: Fleet) -> None:
    await fleet.probe("alice", may_run=["echo"])
    await assignments.add(fleet.db, {"type": "no", "command": "id", "name": "forbidden"}, Targets("all"), "test")
    await assignments.add(fleet.db, {"type": "yes", "command": "echo yes"}, Targets("all"), "test")
    await fleet.found(1, type="yes")
    told = await fleet.until("alice@localhost", lambda one: bool(one.trouble))
    assert "forbidden#1: This probe may not run id" in told.trouble


async def test_a_shared_list_is_done_once_each_and_what_a_dead_agent_held_is_taken_over(fleet: Fleet) -> None:
    listed = [{"type": "shared", "command": "echo {target}", "target": str(n)} for n in range(8)]
    await pools.add(fleet.db, "list", "lister", listed, "test")
    [held] = await pools.take(fleet.db, "ghost@localhost", ["lister"], 1, lease_s=0.5)
    await fleet.probe("alice", duties=["probe", "lister"], parallel=2)
    await fleet.probe("bob", duties=["lister"], parallel=2)
    await fleet.probe("carol", duties=["probe"])
    async with asyncio.timeout(40):
        while (pool := (await pools.all_pools(fleet.db))[0])["done"] < 8:
            await assignments.end(fleet.db, 0)  # touches the table: the foreman looks again
            await asyncio.sleep(0.3)
    assert pool["failed"] == 0
    rows = await fleet.found(8, type="shared")
    assert sorted(one.target for one in rows) == [str(n) for n in range(8)]
    taken = {row["id"]: row for row in await pools.jobs(fleet.db, "list")}
    assert taken[held["id"]]["agent"] in ("alice@localhost", "bob@localhost")
    assert taken[held["id"]]["tries"] == 2
    assert not await pools.done(fleet.db, "ghost@localhost", held["id"], rows[0].id, "ok")


async def test_a_probe_has_what_it_saw_confirmed_by_another_of_a_duty(fleet: Fleet) -> None:
    seen = {"type": "door", "target": "front", "command": "false", "period": 60}
    await fleet.probe("alice", site="roof", jobs=[{**seen, "confirm": {"duty": "watch", "agents": 2}}])
    [alone] = await fleet.found(1, type="confirmation")
    assert alone.status == "unknown"  # nobody of that duty is here

    await fleet.probe("bob", duties=["watch"], jobs=[{**seen, "behaviour": "schedule", "cron": "0 0 1 1 *"}])
    await fleet.probe("carol", duties=["watch"], jobs=[{**seen, "command": "true"}])
    await fleet.found(1, type="door", agent="carol@localhost")
    async with asyncio.timeout(30):
        while len([1 for one in fleet.gateway.actor.board.agents.values() if one.show == "available"]) < 3:
            await asyncio.sleep(0.05)
    await fleet.stop("alice")
    await fleet.probe("alice", site="roof", jobs=[{**seen, "confirm": {"duty": "watch", "agents": 2}}])
    rows = await fleet.found(2, type="confirmation")
    said = json.loads((await checks.get(fleet.db, rows[0].id)).payload)
    answers = {one["agent"]: one for one in said["answers"]}
    assert answers["bob@localhost"]["agrees"] is True
    assert answers["carol@localhost"]["agrees"] is False
    assert answers["bob@localhost"]["channel"] == "xmpp"
    assert (rows[0].status, said["agree"], said["way"]) == ("warning", 1, "xmpp")
    assert str((await fleet.found(1, type="door", agent="bob@localhost"))[0].id) == answers["bob@localhost"]["check"]


class Memory(dict[str, str]):
    """What a probe's disk would hold."""

    async def recall(self, name: str) -> str | None:
        return self.get(name)

    async def remember(self, name: str, value: str | None) -> None:
        self[name] = value or ""


def signed(key: FleetKey, **more: Any) -> tuple[str, str]:
    document = {"agent": "p@localhost", "version": 1, "issued": "", "jobs": [], **more}
    return key.sign(orders.JOBS, document)


async def test_only_the_fleets_own_newest_order_for_this_very_agent_is_obeyed() -> None:
    key, given = FleetKey.generate(), list[Any]()
    one = Orders("p@localhost", key.public, (), Memory(), lambda jobs, done, finished: given.append(jobs))
    await one.load()
    job = {"id": 1, "job": {"name": "a#1", "command": "true"}}
    await one.take(*signed(key, version=5, jobs=[job]))
    assert [type(each) for each in given[0].values()] == [Job]
    for wrong, text in (
        (signed(FleetKey.generate(), version=6), BadSignature),
        (signed(key, version=6, agent="other@localhost"), Forbidden),
        (signed(key, version=4), InvalidRequest),
        (signed(key, version=5), InvalidRequest),
        (signed(key, version=6, jobs="no list"), InvalidRequest),
        (key.sign(orders.POOL, {"agent": "p@localhost", "version": 6, "jobs": []}), BadSignature),
    ):
        with pytest.raises(text):
            await one.take(*wrong)
    document, signature = signed(key, version=6)
    with pytest.raises(BadSignature):
        await one.take(document.replace("6", "7"), signature)
    assert (one.version, len(given)) == (5, 1)


async def test_the_old_key_signs_the_new_and_a_probe_that_was_away_follows_over_a_restart() -> None:
    first, second, third = (FleetKey.generate() for _ in range(3))
    links = [first.hand_over(second, "2026-01-01"), second.hand_over(third, "2026-02-01")]
    memory, given = Memory(), list[Any]()

    async def begun() -> Orders:
        one = Orders("p@localhost", first.public, (), memory, lambda jobs, done, finished: given.append(sorted(jobs)))
        await one.load()
        return one

    one = await begun()
    await one.take(*signed(first, version=5, jobs=[{"id": 1, "job": {"name": "a#1", "command": "true"}}]))
    thief = FleetKey.generate()
    await one.follow([thief.hand_over(thief, ""), ("{", ""), (links[1][0], links[0][1]), first.sign(orders.JOBS, {})])
    await one.follow([links[1]])  # of a key it never heard of
    assert one.key == first.public
    await one.follow(links)  # away for two rotations
    assert one.key == third.public

    one = await begun()  # its order still bears the first key's name
    assert (one.key, one.version, given[-1]) == (third.public, 5, ["a#1"])
    for late in (first, second, thief):
        with pytest.raises(BadSignature):
            await one.take(*signed(late, version=6))
    await one.follow([first.hand_over(thief, ""), second.hand_over(thief, "")])
    assert one.key == third.public
    document, _ = signed(first, version=5, jobs=[{"id": 1, "job": {"name": "a#1", "command": "true"}}])
    await one.take(document, third.endorse(orders.JOBS, document))  # the same order, signed anew
    assert len(given) == 2
    one = await begun()
    await one.take(*signed(third, version=6))
    assert (one.version, given[-1]) == (6, [])
    assert orders.followers(second.public, links) == [second.public, third.public]


@pytest.mark.parametrize(
    "given",
    [{}, {"jids": []}, {"jids": ["no jid"]}, {"tags": [""]}, {"duty": "a", "site": "b"}, {"all": True, "jids": ["a@b"]},
     {"surprise": "x"}, {"tags": ["x"] * 2_000}],
)  # fmt: skip
def test_targets_that_cannot_be_meant_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        read_targets(given)


@pytest.mark.parametrize(
    "given",
    [{}, {"use": "nothing"}, {"command": "'"}, {"command": "x", "period": -1}, {"command": "x", "surprise": 1},
     {"command": "x", "behaviour": "fsm"}, {"command": "x", "cron": "never"}],
)  # fmt: skip
def test_jobs_no_probe_could_run_are_refused_with_a_sentence(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_job(given)
    assert len(refused.value.message.splitlines()) == 1


WORKS: dict[str, Any] = {"command": "x"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"result_parser": "surprise"}, "there is no result_parser 'surprise'; there are raw, lines, json"),
        ({"result_parser": "regex"}, "the parser regex needs parser_options.pattern"),
        ({"result_parser": "regex", "parser_options": {"pattern": "("}}, "parser_options.pattern is not a regular"),
        ({"result_parser": "regex", "parser_options": {"pattern": 7}}, "parser_options.pattern is not text"),
        ({"result_parser": "csv", "parser_options": {"delimeter": ";"}}, "the parser csv has no option 'delimeter'"),
        ({"result_parser": "csv", "parser_options": {"delimiter": ";;"}}, "parser_options.delimiter is not one char"),
        ({"result_parser": "json", "parser_options": {"lines": "yes"}}, "parser_options.lines is not true or false"),
        ({"result_parser": "json", "parser_options": {"schema": []}}, "parser_options.schema is not an object"),
        ({"result_parser": "json", "parser_options": {"schema": {"type": "nonsense"}}}, "the schema is none: "),
        ({"result_parser": "json", "parser_options": {"schema": {"properties": 5}}}, "the schema is none: "),
        ({"result_parser": "json", "parser_options": {"schema": {"pattern": "("}}}, "the schema is none: "),
        ({"parser_options": {"schema": {"$ref": "http://x.example/"}}}, "the schema refers to http://x.example/"),
        ({"cron": "0 0 30 2 *"}, "cron cannot be read: Bad day-of-month"),
        ({"cron": "0 0 * * *", "zone": "Mars/Olympus"}, "there is no time zone 'Mars/Olympus' here"),
        ({"command": " "}, "command: has fewer than 1 member"),
        ({"command": "echo {target}"}, "it needs a target"),
        ({"command": "echo \x00"}, "its command names no program"),
        ({"command": "", "use": "tcp", "target": "no port"}, "'no port' is not HOST:PORT"),
        ({"command": "", "use": "tls"}, "it needs a target"),
        ({"command": "", "use": "http", "target": "ftp://x"}, "'ftp://x' is not an address http:// or https://"),
        ({"command": "", "use": "dns", "target": "x.example/WHAT"}, "there is no kind of record 'WHAT'"),
        ({"command": "", "use": "nmap", "target": "--script=/tmp/x"}, "a target does not begin with a hyphen"),
        ({"thresholds": [{"field": "size"}]}, "the threshold of size names neither warning nor critical"),
        ({"labels": {"a": "x" * 40_000}}, "larger than a job may be"),
    ],
)  # fmt: skip
def test_a_job_that_cannot_work_is_refused_before_it_is_assigned(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        assignable({**WORKS, **given})
    assert said.casefold() in refused.value.message.casefold()
    assert len(refused.value.message.splitlines()) == 1


def test_a_probes_own_file_is_looked_at_for_the_same_before_it_runs() -> None:
    document = {"jid": "p@localhost", "passwd": "x", "jobs": [{"command": "uptime"}, {"command": "df", "name": "disk"}]}
    assert inspection._jobs(jobs.parse(document)) == []
    document["jobs"][1] |= {"result_parser": "regex", "parser_options": {"pattern": "["}}  # type: ignore[index, operator]
    [found] = inspection._jobs(jobs.parse(document))
    assert not found.ok
    assert found.text.startswith("The job 'disk' cannot work: parser_options.pattern is not a regular expression")


@pytest.mark.parametrize(
    "given",
    [
        {"use": "tls", "target": "[::1]:443", "period": 60}, {"use": "tls", "target": "www.example.org"},
        {"use": "dns", "target": "example.org/MX@127.0.0.1:53"}, {"use": "packages"},
        {"use": "system", "cron": "* * * * *"},
        {"command": "df /", "result_parser": "Regex", "parser_options": {"pattern": "(?P<a>x)", "all": True}},
        {"command": "x", "result_parser": "nmap-xml", "parser_options": {"schema": {"type": "object"}}},
        {"use": "nmap", "command": "echo -1", "target": "-1"},
    ],
)  # fmt: skip
def test_a_job_that_can_work_may_be_assigned(given: dict[str, Any]) -> None:
    assert assignable(given).command
