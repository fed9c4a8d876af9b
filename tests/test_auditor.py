"""The audit of a log on a real PostgreSQL, in which a superuser edits, deletes, swaps and cuts off."""

from __future__ import annotations

import pytest

from pumpkin import auditor, eraser
from pumpkin.errors import InvalidRequest
from pumpkin.evidence import checkpoint, merkle
from pumpkin.evidence.checkpoint import LogKey
from pumpkin.store import checks, faults, proofs
from tests.actors.conftest import Line, observation, start_line

__all__ = ["start_line"]

BATCHES = (1, 40, 300, 700)
SIZE = sum(BATCHES)


@pytest.fixture
async def line(start_line) -> Line:
    """A log of 1,041 records sealed in several checkpoints, stamped and at rest."""
    made = await start_line(key=LogKey.generate("log.example"))
    stored = 0
    for batch in BATCHES:
        await made.aggregator.actor.receive_many([observation(b"%d of %d" % (n, batch)) for n in range(batch)])
        stored += batch
        await made.until_stamped(stored)
    return made


async def found(line: Line, **more) -> list[tuple[int, str]]:
    outcome = await auditor.audit(line.db, line.key.verifier, **more)
    return [(fault.index, fault.kind) for fault in outcome.faults]


async def superuser(line: Line, *statements: str) -> None:
    async with line.db.writer() as connection:
        for statement in statements:
            await connection.execute(statement)


async def boundary(line: Line, place: int) -> int:
    """Where the checkpoint begins that added the record at `place`."""
    head = await proofs.checkpoint_covering(line.db, place)
    assert head is not None
    return head.start


async def test_a_log_as_it_was_written_has_no_fault(line: Line) -> None:
    outcome = await auditor.audit(line.db, line.key.verifier)
    assert (outcome.faults, outcome.records) == ((), SIZE)


UPDATES = {
    "payload = 'all is better'": "payload",
    'detail = \'{"status": "critical"}\'': "detail",
    "agent = 'somebody@example.org'": "row",
    "type = 'dns'": "row",
    "observed = observed - 1": "row",
    "received = received + 1": "row",
    "after = encode(leaf_hash, 'hex')": "row",
    "signature = 'ab'": "row",
    "media = 'text/html'": "row",
    "size = 1": "row",
    "status = 'critical'": "row",
    "target = 'example.org'": "row",
    "payload_hash = payload_salt": "row",
    "group_hash = leaf_hash": "group",
    "record = record || ' '": "leaf",
    "leaf_hash = group_hash": "leaf",
    "id = '00000000-0000-4000-8000-000000000000'": "row",
}


async def test_every_update_is_reported_with_its_position(line: Line) -> None:
    await superuser(line, "create table kept as table checks")
    for change, kind in UPDATES.items():
        await superuser(line, f"update checks set {change} where seq = 517")
        told = await found(line)
        assert (517, kind) in told, (change, told)
        await superuser(line, "delete from checks", "insert into checks select * from kept")
    assert await found(line) == []


async def test_an_update_with_all_its_hashes_is_reported_where_its_checkpoint_begins(line: Line) -> None:
    check = await checks.by_seq(line.db, 517)
    assert check is not None
    raw = check.record.replace(b'"type":"ping"', b'"type":"dns"')
    async with line.db.writer() as connection:
        await connection.execute(
            "update checks set type = 'dns', record = $1, leaf_hash = $2 where seq = 517", raw, merkle.leaf_hash(raw)
        )
    told = await found(line)
    assert (await boundary(line, 517), "root") in told
    assert (512, "tile") in told


async def test_a_delete_is_reported_with_its_position(line: Line) -> None:
    await superuser(line, "delete from checks where seq = 517")
    assert (517, "gap") in await found(line)


async def test_a_delete_that_closes_the_gap_is_reported(line: Line) -> None:
    await superuser(
        line,
        "delete from checks where seq = 517",
        "update checks set seq = -seq where seq > 517",
        "update checks set seq = -seq - 1 where seq < 0",
        "update log_head set size = size - 1",
    )
    told = await found(line)
    assert (512, "tile") in told  # the 256 records among which it was
    assert (SIZE - 1, "truncated") in told


async def test_a_swap_is_reported_with_its_position(line: Line) -> None:
    await superuser(
        line,
        "update checks set seq = -1 where seq = 517",
        "update checks set seq = 517 where seq = 518",
        "update checks set seq = 518 where seq = -1",
    )
    assert (await boundary(line, 517), "root") in await found(line)


async def test_a_truncation_is_reported_with_its_position(line: Line) -> None:
    await superuser(line, "delete from checks where seq >= 900", "update log_head set size = 900")
    assert (900, "truncated") in await found(line)


async def test_a_truncation_with_its_checkpoints_is_reported_by_one_that_was_kept(line: Line) -> None:
    newest = await proofs.latest_checkpoint(line.db)
    assert newest is not None
    earlier = await boundary(line, SIZE - 1)
    await superuser(
        line,
        f"delete from stamps where size > {earlier}",
        f"delete from checkpoints where size > {earlier}",
        f"delete from checks where seq >= {earlier}",
        f"update log_head set size = {earlier}",
    )
    assert [one for one in await found(line) if one[1] != "tile"] == []
    assert (earlier, "truncated") in await found(line, kept=[newest.note])


async def test_a_history_written_anew_is_reported_by_a_checkpoint_that_was_kept(line: Line) -> None:
    """The operator, who has the key, edits a record and signs the whole history again: only what was kept tells."""
    newest = await proofs.latest_checkpoint(line.db)
    assert newest is not None
    other = checkpoint.sign(line.key.origin, newest.size, b"\1" * 32, line.key)
    assert await found(line, kept=[newest.note]) == []
    assert await found(line, kept=[other]) == [(newest.size, "fork")]


async def test_an_edited_checkpoint_is_reported(line: Line) -> None:
    start = await boundary(line, 200)
    for change, kind in (
        ("note = replace(note, E'\\n\\n', E'\\nmore\\n\\n')", "checkpoint"),
        ("root = sha256(root)", "checkpoint"),
        ("group_root = root", "groups"),
    ):
        await superuser(line, f"update checkpoints set {change} where start = {start}")
        assert (start, kind) in await found(line)


async def test_an_edited_stamp_and_tile_are_reported(line: Line) -> None:
    await superuser(line, "update stamps set anchor = sha256(anchor) where start = 0")
    assert (0, "anchor") in await found(line)
    await superuser(line, "update tiles set hashes = overlay(hashes placing '\\x00' from 40) where level = 1")
    assert (256, "tile") in await found(line)


async def test_a_range_is_audited_from_the_checkpoint_before_it(line: Line) -> None:
    await superuser(
        line, "update checks set agent = 'x' where seq = 30", "update checks set agent = 'x' where seq = 600"
    )
    assert await found(line, start=500) == [(600, "row")]
    assert await found(line, stop=500) == [(30, "row")]
    assert await found(line, start=100, stop=590) == []
    outcome = await auditor.audit(line.db, line.key.verifier, start=500)
    assert outcome.start <= 500
    assert outcome.start + outcome.records == SIZE


async def test_a_range_whose_beginning_does_not_fit_says_so(line: Line) -> None:
    start = await boundary(line, 600)
    await superuser(line, "update tiles set hashes = sha256(hashes) || hashes where level = 0 and n = 1")
    assert (start, "root") in await found(line, start=start)


async def test_a_range_or_a_kept_note_that_is_none_is_refused(line: Line) -> None:
    with pytest.raises(InvalidRequest):
        await auditor.audit(line.db, line.key.verifier, start=SIZE + 1)
    with pytest.raises(InvalidRequest):
        await auditor.audit(line.db, line.key.verifier, kept=["nothing"])


async def test_an_erased_payload_is_no_fault(line: Line) -> None:
    check = await checks.by_seq(line.db, 517)
    assert check is not None
    assert await eraser.erase(line.db, check.id, who="user:ada", reason="a name stood in it") == 517
    assert await found(line) == []
    await superuser(line, "update checks set payload = null, payload_salt = null, payload_hash = null where seq = 519")
    assert await found(line) == [(519, "lost")]


async def test_a_fault_is_kept_once_until_it_is_settled(line: Line) -> None:
    first = await faults.add(line.db, kind="gap", position=7, source="audit")
    assert first is not None
    assert await faults.add(line.db, kind="gap", position=7, source="audit") is None
    assert await faults.add(line.db, kind="gap", position=7, source="probe:p@localhost") is not None
    assert [one.position for one in await faults.unsettled(line.db)] == [7, 7]
    assert [one.source for one in await faults.after(line.db, first)] == ["probe:p@localhost"]
    assert await faults.settle(line.db, first) == 1
    assert await faults.count(line.db) == 1


async def test_a_log_that_grows_while_it_is_audited_has_no_fault(line: Line) -> None:
    async def grow(_: int) -> None:
        await line.aggregator.actor.receive_many([observation(b"meanwhile %d" % n) for n in range(5)])
        await line.until_stamped(SIZE + 5)

    outcome = await auditor.audit(line.db, line.key.verifier, told=grow)
    assert (outcome.faults, outcome.records) == ((), SIZE)
