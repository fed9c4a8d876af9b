"""The sealer on a real database: checkpoints that a rebuild of the tree confirms, whatever was interrupted."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from actors.sealer import CHUNK, Edge, LogBroken, Sealer
from pumpkin.bus import Bus
from pumpkin.errors import StartError, Unavailable
from pumpkin.evidence import checkpoint, merkle
from pumpkin.evidence.checkpoint import LogKey
from pumpkin.evidence.groups import group_root
from pumpkin.evidence.tiles import TileNodes
from pumpkin.model.proofs import Checkpoint
from pumpkin.store import checks, proofs
from pumpkin.store.database import Database
from tests.actors.conftest import Line, StartLine, observation


async def send(line: Line, count: int) -> None:
    await line.aggregator.actor.receive_many([observation() for _ in range(count)])


async def assert_log_is_whole(db: Database, key: LogKey, size: int) -> None:
    """Every checkpoint's root, groups, signature and start, and the tiles, agree with the rows."""
    leaves = await checks.leaves(db, 0, size)
    hashes = [leaf for leaf, _ in leaves]
    before = 0
    for head in await proofs.checkpoints(db, 0, size):
        said = checkpoint.open_note(head.note, key.verifier)
        assert (head.start, said.size, said.root) == (before, head.size, head.root)
        assert head.root == merkle.root(hashes[: head.size])
        assert head.group_root == group_root([group for _, group in leaves[head.start : head.size]])
        before = head.size
    assert before == size
    rows: dict[tuple[int, int], bytes] = {}
    for level in (1, 2):
        for n in range(size // 256 ** (level + 1) + 1):
            rows[level, n] = await proofs.tile(db, level, n) or b""

    def read(level: int, n: int) -> bytes:
        return b"".join(hashes[n * 256 : (n + 1) * 256]) if level == 0 else rows[level, n]

    assert merkle.root_from(TileNodes(read), size) == merkle.root(hashes)


async def test_what_is_stored_is_sealed_and_the_tree_equals_a_rebuild(start_line: StartLine) -> None:
    line = await start_line()
    for count in (1, 1, 254, 300, 1, 700):
        await send(line, count)
    await line.until_stamped(1257)
    await assert_log_is_whole(line.db, line.key, 1257)


async def test_each_seal_is_announced_with_its_range(start_line: StartLine) -> None:
    line = await start_line()
    await send(line, 3)
    assert await line.until("check.sealed") == {"first": 0, "last": 2, "checkpoint": 3}


async def test_a_start_goes_on_from_the_last_checkpoint_and_seals_what_was_missed(start_line: StartLine) -> None:
    line = await start_line()
    await send(line, 600)
    await line.until_stamped(600)
    await line.system.remove("sealer")
    await send(line, 300)
    assert (await line.system.stop(5)) == []
    again = await start_line(key=line.key, tsa=line.tsa)
    await again.until_stamped(900)
    await assert_log_is_whole(again.db, line.key, 900)


async def test_a_kill_in_the_middle_loses_no_record(start_line: StartLine) -> None:
    line = await start_line()
    for _ in range(8):
        await send(line, 40)
        with suppress(Unavailable):
            line.sealer.actor.kill()
    await line.until_stamped(320)
    assert line.sealer.restarts >= 1
    await assert_log_is_whole(line.db, line.key, 320)


async def test_a_batch_waits_for_the_token_request_and_no_longer_than_its_age(start_line: StartLine) -> None:
    line = await start_line()
    line.tsa.mode = "hang"
    await send(line, 1)
    await line.tsa.called.wait()
    await send(line, 5)
    since = line.bus.subscribe(["check.sealed"], since=0)
    ranges = []
    async for event in since:
        ranges.append((event.data["first"], event.data["last"]))
        if len(ranges) == 2:
            break
    assert ranges == [(0, 0), (1, 5)]
    assert line.tsa.asked == 1
    line.tsa.resume.set()
    await line.until_stamped(6)
    assert line.tsa.asked == 2


async def test_two_sealers_on_one_log_make_one_line_of_checkpoints(start_line: StartLine) -> None:
    line = await start_line()
    other = await start_line(key=line.key, tsa=line.tsa)
    for _ in range(10):
        await asyncio.gather(send(line, 30), send(other, 30))
    await asyncio.wait(
        [asyncio.create_task(one.until_stamped(600)) for one in (line, other)], return_when="FIRST_COMPLETED"
    )
    await assert_log_is_whole(line.db, line.key, 600)
    assert (line.sealer.restarts, other.sealer.restarts) == (0, 0)


async def test_a_log_changed_from_outside_is_not_continued(database: Database) -> None:
    forged = Checkpoint(0, 0, b"\1" * 32, b"\2" * 32, "note", 0)
    with pytest.raises(LogBroken):
        await Edge.load(database, forged)


async def test_an_empty_log_seals_nothing(database: Database) -> None:
    ref = Sealer.start(database, Bus(), LogKey.generate("log.example"))
    actor = ref._actor_weakref()
    assert actor is not None
    await actor.started()
    assert await proofs.latest_checkpoint(database) is None
    assert actor.status() == {"size": 0, "unsealed": 0, "last_error": None}
    assert CHUNK > 1_000
    assert await ref.stop(block=False) is True
    await actor.ended()


async def test_the_log_of_another_data_folder_is_not_sealed_with_our_key(start_line: StartLine) -> None:
    line = await start_line()
    await send(line, 1)
    await line.until("check.sealed")
    with pytest.raises(StartError, match="This database holds the log"):
        await line.system.start("other", lambda: Sealer.start(line.db, Bus(), LogKey.generate("other.example/log")))
