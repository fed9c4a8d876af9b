"""A payload is erased, its proof stands, and the act is itself proven; on a real log."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from pumpkin import eraser
from pumpkin.errors import NotFound
from pumpkin.evidence.bundle_verify import verify_bundle
from pumpkin.evidence.bundle_zip import unpack
from pumpkin.model.checks import Check
from pumpkin.prover import Prover
from pumpkin.store import audit, checks, erasure
from tests.actors.conftest import Line, observation, start_line

__all__ = ["start_line"]


@pytest.fixture
async def line(start_line) -> Line:
    made = await start_line()
    await made.aggregator.actor.receive_many([observation(b"secret %d" % n, wire={"x": 1}) for n in range(3)])
    await made.until_stamped(3)
    return made


async def erased(line: Line, place: int = 1) -> Check:
    check = await checks.by_seq(line.db, place)
    assert check is not None
    seq = await eraser.erase(line.db, check.id, who="user:ada", reason="a name", receive=line.aggregator.actor.receive)
    assert seq == place
    return check


async def test_the_payload_goes_and_the_proof_stands(line: Line) -> None:
    before = await erased(line)
    now = await checks.get(line.db, before.id)
    assert now is not None
    assert (now.payload, now.payload_salt, now.wire, dict(now.detail)) == (None, None, None, {})
    assert now.record == before.record
    data = await Prover(line.db, line.key).bundle([before.id])
    assert not {"payload.bin", "payload-salt.bin", "detail.json"} & unpack(data).keys()
    report = verify_bundle(data, roots=[line.tsa.authority.root_pem], log_key=line.key.vkey.encode())
    assert report.ok
    assert report.as_json()["checks"][0]["erased"] is True
    assert any("erased" in one for one in report.warnings)
    assert not any("payload" in claim for claim in report.claims)


async def test_nothing_of_it_is_left_in_the_database(line: Line) -> None:
    await erased(line)
    async with line.db.reader() as connection:
        rows = await connection.fetch(
            "select c::text from checks c where encode(c.payload, 'escape') like '%secret 1%'"
        )
        assert rows == []


async def test_the_act_is_noted_and_is_itself_proven(line: Line) -> None:
    check = await erased(line)
    await line.until_stamped(4)
    act = await checks.by_seq(line.db, 3)
    assert act is not None
    assert act.payload is not None
    assert (act.kind, act.agent) == ("erasure", "user:ada")
    assert json.loads(act.payload)["erased"] == str(check.id)
    (noted, *_) = await audit.page(line.db, object=f"check:{check.id}")
    assert (noted.act, noted.who, noted.detail["reason"]) == ("check.erased", "user:ada", "a name")
    gone = await erasure.of(line.db, check.id)
    assert gone is not None
    assert (gone.who, gone.reason) == ("user:ada", "a name")
    data = await Prover(line.db, line.key).bundle([act.id])
    assert verify_bundle(data, roots=[line.tsa.authority.root_pem]).ok


async def test_without_a_server_the_act_is_stored_for_the_next_seal(line: Line) -> None:
    check = await checks.by_seq(line.db, 0)
    assert check is not None
    await eraser.erase(line.db, check.id, who="user:root", reason="")
    await line.until_stamped(4)


async def test_a_second_erasure_and_an_unknown_check_are_refused(line: Line) -> None:
    check = await erased(line)
    for one in (check.id, uuid4()):
        with pytest.raises(NotFound):
            await eraser.erase(line.db, one, who="user:ada", reason="")
