"""Who watches the log: a witness over HTTP that verifies with a third party's code, and probes over a real XMPP server;
each tells a superuser's truncation and a rewritten history, whatever the server says."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import web as http
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tlog_scales.signing import Vkey
from tlog_scales.tlog import Checkpoint as ForeignCheckpoint
from tlog_scales.tlog import ConsistencyProof, ConsistencyProofInvalid

from actors.lookout import Lookout
from actors.supervision import Child
from pumpkin.adapters.session import InProcess
from pumpkin.adapters.stanzas import StanzaError
from pumpkin.adapters.watching import LogWatch
from pumpkin.adapters.witness import WitnessClient
from pumpkin.adapters.xmppd import XmppServer
from pumpkin.building.lookout import watched
from pumpkin.errors import Forbidden
from pumpkin.evidence import checkpoint, keys, merkle
from pumpkin.evidence.checkpoint import COSIGNATURE, LogKey, VerifierKey
from pumpkin.store import cosignatures, faults, proofs, signing
from tests.actors.conftest import Line, observation
from tests.adapters.xmppd.memory import MemoryStore


class HttpWitness:
    """A witness as the specification has it, on a third party's verification; it knows one log."""

    def __init__(self, log_vkey: str) -> None:
        self.private = Ed25519PrivateKey.generate()
        self.public = self.private.public_key().public_bytes_raw()
        self.name, self.log = "witness.example/w1", Vkey.from_string(log_vkey)
        self.size, self.root = 0, hashlib.sha256(b"").digest()
        self.asked = 0

    @property
    def key(self) -> VerifierKey:
        return VerifierKey(self.name, self.public, COSIGNATURE)

    async def add(self, request: http.Request) -> http.Response:
        self.asked += 1
        head, _, note = (await request.text()).partition("\n\n")
        first, *hashes = head.split("\n")
        assert first.startswith("old ")
        said = ForeignCheckpoint.from_text(note)
        said.verify(self.log)
        if int(first[4:]) != self.size:
            return http.Response(status=409, text=f"{self.size}\n", content_type="text/x.tlog.size")
        if said.size < self.size:
            return http.Response(status=400)
        if said.size == self.size and said.root_hash != self.root:
            return http.Response(status=409)
        try:
            proof = ConsistencyProof(self.size, said.size, [base64.b64decode(one) for one in hashes])
            proof.check(self.root, said.root_hash)
        except ConsistencyProofInvalid:
            return http.Response(status=422)
        self.size, self.root = said.size, said.root_hash
        when = int(time.time())
        body = note.partition("\n\n")[0] + "\n"
        signature = self.private.sign(f"cosignature/v1\ntime {when}\n{body}".encode())
        key_id = hashlib.sha256(self.name.encode() + b"\n\x04" + self.public).digest()[:4]
        line = base64.b64encode(key_id + when.to_bytes(8) + signature).decode()
        return http.Response(text=f"— {self.name} {line}\n")


@pytest.fixture
async def line(start_line: Any) -> Line:
    made: Line = await start_line(key=LogKey.generate("log.example"))
    await store(made, 5)
    return made


async def store(line: Line, count: int) -> None:
    newest = await proofs.latest_checkpoint(line.db)
    await line.aggregator.actor.receive_many([observation(b"%d" % n) for n in range(count)])
    await line.until_stamped((newest.size if newest else 0) + count)


async def lookout(line: Line, *witnesses: Any, **more: Any) -> Child[Lookout]:
    return await line.system.start(
        "lookout", lambda: Lookout.start(line.db, line.bus, line.key.verifier, witnesses=witnesses, **more)
    )


@pytest.fixture
async def witness(line: Line) -> AsyncIterator[tuple[HttpWitness, WitnessClient]]:
    told = HttpWitness(line.key.vkey)
    app = http.Application()
    app.router.add_post("/add-checkpoint", told.add)
    async with TestServer(app) as server, WitnessClient(str(server.make_url("/")), told.key) as client:
        yield told, client


async def until(done: Any) -> None:
    async with asyncio.timeout(15):
        while not await done():
            await asyncio.sleep(0.02)


async def truncate(line: Line, size: int) -> None:
    """A superuser cuts the log back so that the database agrees with itself."""
    async with line.db.writer() as connection:
        await connection.execute(f"delete from stamps where size > {size}")
        await connection.execute(f"delete from checkpoints where size > {size}")
        await connection.execute(f"delete from checks where seq >= {size}")
        await connection.execute(f"update log_head set size = {size}")


async def rewrite(line: Line) -> None:
    """The operator, who holds the key, signs another history of the same length and one record more."""
    newest = await proofs.latest_checkpoint(line.db)
    assert newest is not None
    leaves = [merkle.leaf_hash(b"forged %d" % n) for n in range(newest.size + 1)]
    async with line.db.writer() as connection:
        for seq, leaf in enumerate(leaves[:-1]):
            await connection.execute("update checks set leaf_hash = $1 where seq = $2", leaf, seq)
        await connection.execute(
            "insert into checks select (jsonb_populate_record(c, jsonb_build_object('seq', $1::int, 'id', $2::text))).*"
            " from checks c where seq = $1 - 1",
            newest.size,
            str(uuid4()),
        )
        await connection.execute("update checks set leaf_hash = $1 where seq = $2", leaves[-1], newest.size)
        note = checkpoint.sign(line.key.origin, newest.size + 1, merkle.root(leaves), line.key)
        await connection.execute(
            "insert into checkpoints values ($1, $2, $3, $3, $4, 0)",
            newest.size + 1,
            newest.size,
            merkle.root(leaves),
            note,
        )


async def test_a_witness_cosigns_what_is_stamped(line: Line, witness: tuple[HttpWitness, WitnessClient]) -> None:
    told, client = witness
    await lookout(line, client)

    async def signed() -> bool:
        return [one.size for one in await cosignatures.newest(line.db)] == [5]

    await until(signed)
    await store(line, 3)

    async def again() -> bool:
        return [one.size for one in await cosignatures.newest(line.db)] == [8]

    await until(again)
    (found,) = await cosignatures.of(line.db, [8])
    head = await proofs.checkpoint(line.db, 8)
    assert head is not None
    assert found.line is not None
    assert checkpoint.cosigned_at(head.note, found.line, told.key) == found.at
    said = ForeignCheckpoint.from_text(head.note + found.line + "\n")
    said.verify(Vkey.from_string(told.key.text))


async def test_a_witness_that_has_another_size_is_shown_the_proof_from_there(
    line: Line, witness: tuple[HttpWitness, WitnessClient]
) -> None:
    told, client = witness
    head = await proofs.checkpoint(line.db, 5)
    assert head is not None
    told.size, told.root = 5, head.root
    await store(line, 3)
    await lookout(line, client)

    async def signed() -> bool:
        return told.size == 8

    await until(signed)
    assert told.asked == 2


async def test_a_history_written_anew_is_told_by_a_witness(
    line: Line, witness: tuple[HttpWitness, WitnessClient]
) -> None:
    told, client = witness
    told.size, told.root = 4, b"\1" * 32
    await lookout(line, client)
    told_of = await line.until("log.fault")
    assert told_of == {"kind": "fork", "position": 4, "source": "witness:witness.example/w1"}
    assert [one.kind for one in await faults.unsettled(line.db)] == ["fork"]


async def test_a_witness_that_saw_a_longer_log_tells_the_truncation(
    line: Line, witness: tuple[HttpWitness, WitnessClient]
) -> None:
    told, client = witness
    told.size = 9
    await lookout(line, client)
    assert (await line.until("log.fault"))["kind"] == "shrunk"


async def test_a_witness_that_fails_is_said_to_and_asked_again(line: Line) -> None:
    key = HttpWitness(line.key.vkey).key
    async with WitnessClient("http://127.0.0.1:1/", key, timeout=2) as client:
        child = await lookout(line, client)

        async def failed() -> bool:
            return child.actor.status()["witnesses"][0]["error"] is not None

        await until(failed)


async def test_a_scheduled_audit_tells_an_edit_with_its_position(line: Line) -> None:
    async with line.db.writer() as connection:
        await connection.execute("update checks set payload = 'edited' where seq = 3")
    child = await lookout(line, audit_every_s=3_600, first_audit_s=0)
    assert await line.until("log.fault") == {"kind": "payload", "position": 3, "source": "server"}
    assert child.actor.audited is not None
    assert child.actor.status()["audited"]["faults"] == [{"index": 3, "kind": "payload"}]


async def test_what_the_audit_command_found_is_an_event(line: Line) -> None:
    await lookout(line)
    await faults.add(line.db, kind="gap", position=7, source="audit")
    assert await line.until("log.fault") == {"kind": "gap", "position": 7, "source": "audit"}


class Memory(dict[str, str]):
    """A probe's disk."""

    async def recall(self, name: str) -> str | None:
        return self.get(name)

    async def remember(self, name: str, value: str) -> None:
        self[name] = value


class Fleet:
    """An XMPP server with the aggregator's session, which answers probes that watch the log."""

    def __init__(self, server: XmppServer, aggregator: InProcess, probe: InProcess) -> None:
        self.server, self.aggregator, self.probe = server, aggregator, probe

    async def watch(self, memory: Memory, probe: InProcess | None = None) -> LogWatch:
        one = LogWatch(
            probe or self.probe, (probe or self.probe).jid.partition("/")[0], lambda: self.aggregator.jid, memory
        )
        await one.load()
        return one


@pytest.fixture
async def fleet(line: Line, tmp_path: Path) -> AsyncIterator[Fleet]:
    server = XmppServer(MemoryStore(), "localhost", "127.0.0.1", 0, tmp_path)
    await server.start()
    child = await lookout(line)
    opened: list[InProcess] = []

    def session(name: str) -> InProcess:
        one = InProcess(lambda take: server.attach(name, take, resource="r"), f"{name}@localhost")
        opened.append(one)
        return one

    for name in ("aggregator", "alice"):
        await server.add_account(name, "a secret of its own")
    aggregator = watched(lambda: session("aggregator"), child, {"alice@localhost"})()
    probe = session("alice")
    aggregator.start()
    probe.start()
    assert isinstance(aggregator, InProcess)
    yield Fleet(server, aggregator, probe)
    for one in opened:
        await one.stop()
    await server.stop()


async def test_a_probe_cosigns_what_continues_what_it_saw(line: Line, fleet: Fleet) -> None:
    memory = Memory()
    one = await fleet.watch(memory)
    assert await one.look() == "new"
    assert await one.look() == "known"
    await store(line, 300)
    assert await one.look() == "new"
    again = await fleet.watch(memory)  # another process of the same probe
    assert await again.look() == "known"
    (known,) = await cosignatures.newest(line.db)
    assert (known.witness, known.kind, known.size) == ("alice@localhost", "probe", 305)
    assert await faults.count(line.db) == 0


async def test_a_probe_tells_a_truncation(line: Line, fleet: Fleet) -> None:
    memory = Memory()
    one = await fleet.watch(memory)
    await store(line, 3)
    assert await one.look() == "new"
    await truncate(line, 5)
    assert await one.look() == "shrunk"
    assert one.fault == "shrunk"
    assert "shrunk" in memory["log_fault"]
    assert await line.until("log.fault") == {"kind": "shrunk", "position": 8, "source": "probe:alice@localhost"}
    (kept,) = await faults.unsettled(line.db)
    assert len(kept.detail["notes"]) == 2
    later = await fleet.watch(memory)
    assert later.fault == "shrunk"  # for ever


async def test_a_probe_tells_a_history_written_anew(line: Line, fleet: Fleet) -> None:
    one = await fleet.watch(Memory())
    assert await one.look() == "new"
    await rewrite(line)
    assert await one.look() == "inconsistent"
    assert (await line.until("log.fault"))["kind"] == "inconsistent"


async def test_a_probe_tells_a_fork_and_another_key(line: Line, fleet: Fleet) -> None:
    memory = Memory()
    one = await fleet.watch(memory)
    assert await one.look() == "new"
    other = checkpoint.sign(line.key.origin, 5, b"\2" * 32, line.key)
    async with line.db.writer() as connection:
        await connection.execute("update checkpoints set note = $1 where size = 5", other)
    assert await one.look() == "fork"
    stranger = LogKey.generate(line.key.origin)
    memory["log_key"] = stranger.vkey
    assert await (await fleet.watch(memory)).look() == "unsigned"


async def rekey(line: Line, *, compromised: bool) -> LogKey:
    """What `pumpkin rekey log` does; the key the log has then."""
    new = LogKey.generate(line.key.origin)
    head = await proofs.latest_checkpoint(line.db)
    assert head is not None
    said = keys.succession(line.key.vkey, new.vkey, head.size, head.root)
    detail = {
        **{"old": line.key.vkey, "new": new.vkey, "size": head.size, "root": head.root.hex()},
        **{"compromised": compromised, "signed_by_old": line.key.sign_bytes(said).hex()},
        "signed_by_new": new.sign_bytes(said).hex(),
    }
    await signing.event(line.db, "log", new.origin, new.key_id.hex(), "rotated", detail)
    note = checkpoint.sign(new.origin, head.size, head.root, new)
    async with line.db.writer() as connection:
        await connection.execute("update checkpoints set note = $1 where size = $2", note, head.size)
    return new


@pytest.mark.parametrize("compromised", [False, True])
async def test_a_probe_follows_a_new_key_that_the_old_one_endorsed(line: Line, fleet: Fleet, compromised: bool) -> None:
    memory = Memory()
    one = await fleet.watch(memory)
    assert await one.look() == "new"
    new = await rekey(line, compromised=compromised)
    assert await one.look() == ("unsigned" if compromised else "known")
    assert (memory["log_key"] == new.vkey) is not compromised


async def test_a_stranger_is_shown_nothing(line: Line, fleet: Fleet) -> None:
    await fleet.server.add_account("mallory", "a secret of its own")
    session = InProcess(lambda take: fleet.server.attach("mallory", take, resource="r"), "mallory@localhost")
    session.start()
    one = await fleet.watch(Memory(), session)
    with pytest.raises(StanzaError):
        await one.look()
    await session.stop()


async def test_a_known_witness_with_another_key_is_refused(line: Line, fleet: Fleet) -> None:
    await (await fleet.watch(Memory())).look()
    other = await fleet.watch(Memory())
    with pytest.raises(StanzaError):
        await other.look()
    with pytest.raises(Forbidden):
        await cosignatures.add(line.db, witness="alice@localhost", vkey="x", kind="probe", size=5, line="", at=0)
