"""A probe in process, and a probe whose server is away, hangs up, refuses, or is not ours."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from pathlib import Path
from typing import Any
from uuid import uuid4
from xml.etree.ElementTree import Element

import pytest

from actors.outpost import run_probe
from actors.probe import Probe, RunNow, SetPeriod, demo_config
from pumpkin.adapters import stanzas
from pumpkin.adapters.account import read_config
from pumpkin.adapters.session import InProcess
from pumpkin.adapters.xmppd import XmppServer
from pumpkin.errors import Backpressure, InvalidCheck, StartError
from pumpkin.model import jobs
from pumpkin.model.checks import Observation, Receipt
from pumpkin.probes.spool import Spool
from tests.adapters.xmppd.memory import MemoryStore

PASSWORD = "an0ther secret"


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("xmpp")


class Store:
    """Takes checks as an aggregator does; the first answers may be errors."""

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.seen: list[Observation] = []
        self.more = asyncio.Event()

    async def receive(self, one: Observation) -> Receipt:
        if self.faults:
            raise self.faults.pop(0)
        self.seen.append(one)
        self.more.set()
        return Receipt(one.id, len(self.seen) - 1, False, 1)

    async def reach(self, count: int) -> None:
        async with asyncio.timeout(30):
            while len(self.seen) < count:
                self.more.clear()
                await self.more.wait()


async def test_the_demonstration_probe_looks_at_this_machine(tmp_path: Path) -> None:
    store = Store()
    probe = Probe.start(demo_config(), folder=tmp_path, agent="demo@localhost", receive=store.receive)._actor_weakref()
    assert probe is not None
    await probe.started()
    await store.reach(1)
    seen = store.seen[0]
    assert (seen.agent, seen.type, seen.detail["status"]) == ("demo@localhost", "disk-usage", "ok")
    assert int(seen.detail["result"]["data"]["size_kib"]) > 0
    probe.actor_ref.tell(RunNow("disk"))
    await store.reach(2)
    probe.actor_ref.tell(SetPeriod("disk", 0.05))
    await store.reach(4)
    report = await probe.actor_ref.ask("behaviours", block=False)
    assert report["behaviours"][0]["detail"]["runs"] >= 4
    await probe.actor_ref.stop(block=False)
    await probe.ended()


async def test_an_overloaded_aggregator_gets_it_later_and_a_wrong_check_is_set_aside(tmp_path: Path) -> None:
    store = Store(Backpressure(), InvalidCheck("never"), Backpressure())
    config = jobs.parse({"command": "echo {target}", "parallel": 1, "jobs": [{"target": "a"}, {"target": "b"}]})
    probe = Probe.start(config, folder=tmp_path, agent="p@localhost", receive=store.receive)._actor_weakref()
    assert probe is not None
    await probe.started()
    await store.reach(1)
    await probe.actor_ref.stop(block=False)
    await probe.ended()
    spool = await Spool.open(tmp_path / "spool.sqlite")
    counts = await spool.counts()
    await spool.close()
    assert (counts.waiting, counts.refused) == (0, 1)


async def test_a_killed_probe_lets_its_spool_go(tmp_path: Path) -> None:
    store = Store()
    for _ in range(2):
        probe = Probe.start(demo_config(), folder=tmp_path, agent="p@localhost", receive=store.receive)._actor_weakref()
        assert probe is not None
        await probe.started()
        probe.kill()
        await probe.ended()
    spool = await Spool.open(tmp_path / "spool.sqlite")
    await spool.close()


class Engine:
    """An aggregator on the embedded server: ours (takes IQs) or SCANDALE's (takes messages only)."""

    def __init__(self, server: XmppServer, *, native: bool, refuse: str = "") -> None:
        self.native, self.refuse = native, refuse
        self.bodies: list[dict[str, Any]] = []
        self.line = InProcess(lambda take: server.attach("aggregator", take, resource="e"), "aggregator@localhost")
        self.line.on_presence, self.line.on_message = self._presence, self._message
        self.line.on_ready = lambda: self.line.send(stanzas.presence())
        if native:
            self.line.serve("set", "{urn:pumpkin:check:0}check", self._check)
        self.line.start()

    def _presence(self, stanza: Element) -> None:
        if stanza.get("type") == "subscribe":
            self.line.send(stanzas.presence("subscribed", to=stanza.get("from")))

    def _message(self, stanza: Element) -> None:
        said = stanzas.read_message(stanza, 0)
        if said is None or said.metadata.get("ontology") == "behaviours":
            return
        self.bodies.append(json.loads(said.body))
        performative, code = ("refuse", self.refuse) if self.refuse else ("confirm", "")
        metadata = {"performative": performative, "code": code, "uuid": self.bodies[-1]["meta"]["uuid"]}
        self.line.send(stanzas.message(said.sender, "x", metadata))

    async def _check(self, iq: Element) -> Element:
        self.bodies.append(stanzas.read_check(iq[0]))
        return stanzas.stored(iq, self.bodies[-1]["id"], len(self.bodies), "ab" * 32)


async def start_server(certificates: Path, port: int = 0, store: MemoryStore | None = None) -> XmppServer:
    server = XmppServer(store or MemoryStore(), "localhost", "127.0.0.1", port, certificates)
    await server.start()
    await server.add_account("alice", PASSWORD)
    return server


def config(port: int, certificates: Path, **more: Any) -> jobs.ProbeConfig:
    return jobs.parse(
        {
            "jid": "alice@localhost",
            "passwd": PASSWORD,
            "server": f"127.0.0.1:{port}",
            "ca": str(next(certificates.glob("*ca*.pem"), certificates / "ca.pem")),
            "command": "echo hello",
            **more,
        }
    )


@pytest.mark.parametrize("native", [True, False])
async def test_a_check_reaches_our_engine_and_scandales(tmp_path: Path, certificates: Path, native: bool) -> None:
    server = await start_server(certificates)
    engine = Engine(server, native=native)
    summary = await asyncio.wait_for(
        run_probe(config(server.port, certificates), data=tmp_path, stop=asyncio.Event()), 60
    )
    assert (summary.delivered, summary.spool.waiting) == (1, 0)
    assert ("meta" in engine.bodies[0]) is not native
    await engine.line.stop()
    await server.stop()


async def test_a_check_names_the_last_checkpoint_the_probe_saw(tmp_path: Path, certificates: Path) -> None:
    server = await start_server(certificates)
    engine = Engine(server, native=True)
    for _ in range(2):  # kept over a restart
        await asyncio.wait_for(run_probe(config(server.port, certificates), data=tmp_path, stop=asyncio.Event()), 60)
    assert [one.get("after") for one in engine.bodies] == [None, "ab" * 32]
    await engine.line.stop()
    await server.stop()


async def test_what_the_engine_refuses_for_ever_is_set_aside(tmp_path: Path, certificates: Path) -> None:
    server = await start_server(certificates)
    engine = Engine(server, native=False, refuse="invalid_check")
    summary = await asyncio.wait_for(
        run_probe(config(server.port, certificates), data=tmp_path, stop=asyncio.Event()), 60
    )
    assert (summary.delivered, summary.spool.waiting, summary.spool.refused) == (0, 0, 1)
    await engine.line.stop()
    await server.stop()


async def test_checks_of_an_outage_arrive_in_order_after_it(tmp_path: Path, certificates: Path) -> None:
    store, port = MemoryStore(), free_pair()
    server = await start_server(certificates, port, store)
    engine = Engine(server, native=True)
    stop = asyncio.Event()
    probe = asyncio.create_task(
        run_probe(config(port, certificates, period=0.2, spool_limit=10_000_000), data=tmp_path, stop=stop)
    )
    await reach(engine, 2)
    await engine.line.stop()
    await server.stop()
    await asyncio.sleep(1.0)  # the outage itself: the probe goes on measuring
    server = await start_server(certificates, port, store)
    again = Engine(server, native=True)
    await reach(again, 5)
    stop.set()
    await asyncio.wait_for(probe, 30)
    observed = [one["observed"] for one in again.bodies]
    assert observed == sorted(observed)
    assert len({one["id"] for one in again.bodies}) >= 5
    await again.line.stop()
    await server.stop()


def free_pair() -> int:
    """A port that is free together with the next, outside what the kernel hands out by itself."""
    for port in random.sample(range(20_000, 30_000), 100):
        try:
            for one in (port, port + 1):
                socket.create_server(("127.0.0.1", one)).close()
        except OSError:
            continue
        return port
    raise AssertionError("no two free ports")


async def reach(engine: Engine, count: int) -> None:
    async with asyncio.timeout(40):
        while len(engine.bodies) < count:
            await asyncio.sleep(0.02)


async def test_without_a_server_everything_stays_on_disk(tmp_path: Path, certificates: Path) -> None:
    server = await start_server(certificates)
    port = server.port
    await server.stop()
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(1.0, stop.set)
    summary = await asyncio.wait_for(run_probe(config(port, certificates), data=tmp_path, stop=stop), 30)
    assert (summary.delivered, summary.spool.waiting) == (0, 1)
    assert summary.trouble


async def test_a_wrong_password_is_said(tmp_path: Path, certificates: Path) -> None:
    server = await start_server(certificates)
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(3.0, stop.set)
    wrong = config(server.port, certificates, passwd=str(uuid4()))
    summary = await asyncio.wait_for(run_probe(wrong, data=tmp_path, stop=stop), 30)
    assert (summary.delivered, summary.spool.waiting) == (0, 1)
    await server.stop()


async def test_a_server_of_another_authority_is_not_believed(tmp_path: Path, certificates: Path) -> None:
    server = await start_server(certificates)
    other = await start_server(tmp_path / "other")
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(2.0, stop.set)
    summary = await asyncio.wait_for(run_probe(config(other.port, certificates), data=tmp_path, stop=stop), 30)
    assert summary.delivered == 0
    await server.stop()
    await other.stop()


async def test_the_pumpkin_on_the_same_folder_is_found(tmp_path: Path, certificates: Path) -> None:
    server = await start_server(certificates)
    engine = Engine(server, native=True)
    facts = {"xmpp": {"host": "0.0.0.0", "port": server.port, "domain": "localhost", "ca": str(server.ca_path)}}
    (tmp_path / "ready.json").write_text(json.dumps(facts))
    file = tmp_path / "probe.json"
    (tmp_path / "secret").write_text(PASSWORD + "\n")
    file.write_text(
        json.dumps({"jid": "alice@localhost", "passwd": f"file:{tmp_path / 'secret'}", "command": "echo hi"})
    )
    summary = await asyncio.wait_for(run_probe(file, data=tmp_path, stop=asyncio.Event()), 60)
    assert summary.delivered == 1
    ready = (tmp_path / "ready.json").rename(tmp_path / "later.json")
    late = asyncio.create_task(run_probe(file, data=tmp_path, stop=asyncio.Event()))
    await asyncio.sleep(0.5)  # the probe is there first
    ready.rename(tmp_path / "ready.json")
    assert (await asyncio.wait_for(late, 60)).delivered == 1
    await engine.line.stop()
    await server.stop()


@pytest.mark.parametrize(
    "text", ["", "{", '{"command": "x"}', '{"command": "x", "jid": "nobody"}', '{"command": "x", "jid": "a@b"}']
)
async def test_a_configuration_without_an_account_ends_with_a_sentence(tmp_path: Path, text: str) -> None:
    file = tmp_path / "probe.json"
    file.write_text(text)
    with pytest.raises(StartError):
        await run_probe(file, data=tmp_path, stop=asyncio.Event())


def test_a_wrong_parser_is_found_before_the_first_run(tmp_path: Path) -> None:
    file = tmp_path / "probe.toml"
    file.write_text('command = "x"\nresult_parser = "nope"\n')
    with pytest.raises(StartError, match="nope"):
        read_config(file)
