"""What scripts/chaos looks for after a fault: each invariant, broken once, is found to be broken."""

from __future__ import annotations

import io
import subprocess
import tarfile
import uuid
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from pumpkin.adapters.engines.sandbox import LABEL
from pumpkin.evidence import record
from pumpkin.model.checks import Observation
from pumpkin.store import checks, tasks
from pumpkin.store.database import Database
from scripts.faults import invariants
from scripts.faults.invariants import Broken
from scripts.faults.traffic import Told
from tests.store.test_tasks import wish


def sent(text: str) -> Observation:
    return Observation(uuid.uuid4(), "chaos", "text", "key:x", 1, text.encode())


async def stored(db: Database, *texts: str) -> dict[str, Told]:
    """Checks that were taken in, and what was acknowledged of them."""
    rows = [(one, 1, record.make(one, 1)) for one in map(sent, texts)]
    receipts = await checks.store_batch(db, rows)
    told: dict[str, Told] = {}
    for (one, _, _), receipt in zip(rows, receipts, strict=True):
        told[str(one.id)] = Told(getattr(receipt, "seq", -1), sha256(one.payload).digest())
    return told


@pytest.fixture
async def seen(dsn: str, database: Database) -> Any:
    """A connection of somebody else's, who may do anything."""
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


async def test_what_was_acknowledged_and_is_not_as_it_was_told_is_found(database: Database, seen: Any) -> None:
    told = await stored(database, "a", "b", "c")
    first, second, third = told
    assert "3 checks" in await invariants.kept(seen, told)
    with pytest.raises(Broken, match="acknowledged at place 7"):
        await invariants.kept(seen, {**told, third: replace(told[third], seq=7)})
    await seen.execute("update checks set payload = 'other' where id = $1", uuid.UUID(second))
    with pytest.raises(Broken, match="the bytes it was sent with"):
        await invariants.kept(seen, told)
    await seen.execute("delete from checks where id = $1", uuid.UUID(first))
    with pytest.raises(Broken, match="1 acknowledged checks are lost"):
        await invariants.kept(seen, told)


async def test_what_is_there_twice_and_a_log_with_a_hole_are_found(database: Database, seen: Any) -> None:
    await stored(database, "a", "b")
    assert "2 records" in await invariants.once(seen)
    await stored(database, "a")  # the same result under another name
    with pytest.raises(Broken, match="1 checks are doubled"):
        await invariants.once(seen)
    await seen.execute("update checks set payload_hash = sha256('z') where seq = 2")
    await seen.execute("delete from checks where seq = 1")
    with pytest.raises(Broken, match="holes: size 3, highest 3, 2 rows"):
        await invariants.once(seen)
    with pytest.raises(Broken, match="3 of 3 checks are not stamped"):
        await invariants.stamped(seen, 0.05)


async def test_tasks_that_are_stuck_lost_silent_or_done_twice_are_found(database: Database, seen: Any) -> None:
    await tasks.submit(database, [wish()])
    with pytest.raises(Broken, match="1 tasks are stuck"):
        await invariants.ended(seen, [], 0.05)
    await seen.execute("update tasks set state = 'failed', outcome = 'timeout', ended = 1")
    assert "all ended (1 timeout)" in await invariants.ended(seen, [], 0.05)
    with pytest.raises(Broken, match="1 accepted tasks are lost"):
        await invariants.ended(seen, [str(uuid.uuid4())], 0.05)
    await seen.execute("update tasks set state = 'completed', outcome = 'clean'")
    with pytest.raises(Broken, match="completed without a report"):
        await invariants.ended(seen, [], 0.05)
    await seen.execute("update tasks set verdict = jsonb_build_object('check', gen_random_uuid())")
    with pytest.raises(Broken, match="1 reports are not in the log"):
        await invariants.ended(seen, [], 0.05)
    await tasks.submit(database, [replace(wish(), forced=True)])
    await seen.execute("update tasks set state = 'completed'")
    with pytest.raises(Broken, match="1 packages were analysed to the end more than once"):
        await invariants.once(seen)


def test_a_log_that_does_not_audit_and_one_that_nobody_was_shown_are_found() -> None:
    with pytest.raises(Broken, match="no checkpoint was shown"):
        invariants.consistent(lambda *_, **__: '{"ok": true, "records": 1}', [])
    with pytest.raises(Broken, match="fork"):
        invariants.consistent(lambda *_, **__: '{"ok": false, "faults": [{"kind": "fork"}]}', ["a note"])


@pytest.fixture
def container() -> Iterator[str]:
    """A container that was made in the name of a node; the node's name."""
    node = f"faults-{uuid.uuid4().hex[:12]}"
    empty = io.BytesIO()
    tarfile.open(fileobj=empty, mode="w").close()
    docker = {"check": True, "capture_output": True, "input": empty.getvalue()}
    subprocess.run(["docker", "import", "-", f"{node}:1"], **docker)  # type: ignore[call-overload]
    made = ["docker", "create", "--name", node, "--label", f"{LABEL}.instance={node}", f"{node}:1", "/nothing"]
    subprocess.run(made, **docker)  # type: ignore[call-overload]
    try:
        yield node
    finally:
        for end in (["rm", "--force", node], ["rmi", f"{node}:1"]):
            subprocess.run(["docker", *end], capture_output=True, check=True)


def test_a_container_that_is_left_is_found_and_so_is_that_none_ever_ran(container: str) -> None:
    with pytest.raises(Broken, match="1 containers are left"):
        invariants.gone([container], {"one"}, 0.05)
    assert "of 1 that were seen" in invariants.gone(["another"], {"one"})
    with pytest.raises(Broken, match="no container was seen"):
        invariants.gone(["another"], set())


def test_a_process_that_is_left_is_found(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "postgres").mkdir(parents=True)
    with subprocess.Popen(["sleep", "30"], cwd=data / "postgres") as left:
        try:
            with pytest.raises(Broken, match="left running: "):
                invariants.ended_with(data, 0.05)
        finally:
            left.kill()
    assert invariants.ended_with(data) == "no process left"
