"""Keys of probes: enrolled, endorsed, accepted, revoked; what they signed verifies, and each change is in the log."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from actors.keyring import AGENT, KeyRing
from actors.supervision import Child
from pumpkin.adapters.signer import Signer, want_another
from pumpkin.errors import BadSignature
from pumpkin.evidence import keys
from pumpkin.evidence.bundle_verify import verify_bundle
from pumpkin.model.checks import Observation
from pumpkin.probes.spool import Spool
from pumpkin.prover import Prover
from pumpkin.store import agents, checks, signing
from tests.actors.conftest import Line, StartLine, observation

PROBE = "probe@example.org"


async def ring(line: Line) -> Child[KeyRing]:
    return await line.system.start(
        "keyring",
        lambda: KeyRing.start(line.db, "log.example", lambda seen: line.aggregator.actor.receive(seen), refresh_s=0.05),
    )


async def states(line: Line) -> dict[str, str]:
    return {one.key_id: one.state for one in await signing.all_keys(line.db)}


def pair() -> tuple[Ed25519PrivateKey, str]:
    private = Ed25519PrivateKey.generate()
    return private, keys.key_id(private.public_key().public_bytes_raw())


async def test_the_first_key_is_enrolled_and_what_it_signs_verifies_in_the_bundle(start_line: StartLine) -> None:
    line = await start_line()
    kept = await ring(line)
    private, key_id = pair()
    signer = Signer(PROBE, private)
    await kept.actor.offered(PROBE, signer.offer)
    assert await states(line) == {key_id: "enrolled"}
    seen = signer.sign(observation(agent=PROBE))
    kept.actor.check(seen)
    await line.aggregator.actor.receive(seen)
    await line.until_stamped(await checks.size(line.db))
    report = verify_bundle(await Prover(line.db, line.key).bundle([seen.id]), roots=[line.tsa.authority.root_pem])
    assert report.checks[0].signed_by == key_id
    stored = await checks.get(line.db, seen.id)
    assert stored is not None
    assert json.loads(stored.record)["source"] == {"agent": PROBE, "key_id": key_id}


@pytest.mark.parametrize("change", [{"payload": b"other"}, {"observed": 1}, {"type": "http"}, {"after": "0" * 64}])
async def test_whatever_was_signed_cannot_be_changed(start_line: StartLine, change: dict[str, Any]) -> None:
    line = await start_line()
    kept = await ring(line)
    signer = Signer(PROBE, Ed25519PrivateKey.generate())
    await kept.actor.offered(PROBE, signer.offer)
    seen = signer.sign(observation(agent=PROBE))
    with pytest.raises(BadSignature):
        kept.actor.check(replace(seen, **change))
    with pytest.raises(BadSignature):
        kept.actor.check(replace(seen, signature="00" * 64))
    kept.actor.check(replace(seen, signature=None))


async def test_a_successor_is_taken_when_endorsed_and_waits_when_not(start_line: StartLine) -> None:
    line = await start_line()
    kept = await ring(line)
    (one, first), (two, second), (three, third) = pair(), pair(), pair()
    await kept.actor.offered(PROBE, keys.offer(PROBE, one))
    early = Signer(PROBE, one).sign(observation(agent=PROBE))
    await kept.actor.offered(PROBE, keys.offer(PROBE, two, one))
    assert await states(line) == {first: "rotated", second: "enrolled"}
    kept.actor.check(early)  # what it signed before may still be on its way
    await kept.actor.offered(PROBE, keys.offer(PROBE, three))
    assert (await states(line))[third] == "offered"
    stolen = {**keys.offer(PROBE, three, two), "endorsed": keys.offer(PROBE, three, one)["endorsed"]}
    fresh, fourth = pair()
    await kept.actor.offered(PROBE, {**keys.offer(PROBE, fresh, two), "endorsed": stolen["endorsed"]})
    assert (await states(line))[fourth] == "offered"
    await kept.actor.offered("other@example.org", keys.offer(PROBE, one))
    assert len(await states(line)) == 4, "a key offered for another agent is not its own"


async def test_a_revoked_key_signs_nothing_more_and_every_change_stands_in_the_log(start_line: StartLine) -> None:
    line = await start_line()
    kept = await ring(line)
    private, key_id = pair()
    await kept.actor.offered(PROBE, keys.offer(PROBE, private))
    await agents.approve(line.db, PROBE)
    await agents.revoke(line.db, PROBE)
    seen = Signer(PROBE, private).sign(observation(agent=PROBE))
    async with asyncio.timeout(10):
        while (await states(line))[key_id] != "revoked" or await signing.unlogged(line.db):
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)
    with pytest.raises(BadSignature, match="revoked"):
        kept.actor.check(seen)
    told = [one for one in await checks.items(line.db, 0, 100) if one.agent == AGENT]
    assert [json.loads(one.payload or b"")["event"] for one in told] == ["enrolled", "revoked"]
    assert {one.kind for one in told} == {"key"}
    assert json.loads(told[0].payload or b"")["public"] == private.public_key().public_bytes_raw().hex()
    history = await signing.history(line.db, PROBE)
    assert {one.record for one in history} == {one.id for one in told}
    kept.actor.kill()
    async with asyncio.timeout(10):
        while kept.restarts == 0 or kept.state != "running":
            await asyncio.sleep(0.02)
    assert len([one for one in await checks.items(line.db, 0, 100) if one.agent == AGENT]) == 2


async def test_a_probe_keeps_its_key_and_endorses_the_next(tmp_path: Path) -> None:
    spool = await Spool.open(tmp_path / "spool.sqlite")
    first = await Signer.open(PROBE, spool)
    assert (await Signer.open(PROBE, spool)).key_id == first.key_id
    await want_another(spool)
    second = await Signer.open(PROBE, spool)
    third = await Signer.open(PROBE, spool, now=lambda: 4e9)
    await spool.close()
    assert len({first.key_id, second.key_id, third.key_id}) == 3
    for before, after in ((first, second), (second, third)):
        offer = keys.read_offer(PROBE, after.offer)
        assert offer is not None
        assert keys.endorses(PROBE, bytes.fromhex(before.offer["public"]), offer)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"public": 5},
        {"public": "zz" * 32, "proof": "00" * 64},
        {"public": "00" * 32, "proof": "00" * 64},  # openssl takes this one: a key of small order
        {"public": "00" * 31 + "80", "proof": "00" * 64},
        {"public": "11" * 32, "proof": "00" * 64},
    ],
)
def test_an_offer_that_is_none_is_not_taken(document: dict[str, Any]) -> None:
    assert keys.read_offer(PROBE, document) is None


def test_a_signature_by_a_key_never_heard_of_is_kept_for_what_it_is() -> None:
    seen: Observation = observation(id=uuid4(), agent=PROBE)
    assert Signer(PROBE, Ed25519PrivateKey.generate()).sign(seen).signature is not None
