"""What waits on disk: order, room, and being killed."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from pumpkin.errors import Unavailable
from pumpkin.model import wire
from pumpkin.model.checks import Observation
from pumpkin.probes.spool import Spool


def seen(text: bytes = b"x", status: str = "ok", ident: UUID | None = None) -> Observation:
    return Observation(ident or uuid4(), "t", "raw", "p@localhost", 1, text, detail={"status": status})


async def test_checks_come_out_in_order_until_acknowledged(tmp_path: Path) -> None:
    spool = await Spool.open(tmp_path / "s")
    kept = [seen(bytes([65 + n])) for n in range(5)]
    for one in kept:
        await spool.append(one)
    batch = await spool.batch(3)
    assert [wire.from_native(one.body, agent="p@localhost") for one in batch] == kept[:3]
    await spool.acknowledge([one.n for one in batch])
    await spool.close()
    spool = await Spool.open(tmp_path / "s")
    assert [one.id for one in await spool.batch()] == [str(one.id) for one in kept[3:]]
    await spool.close()


async def test_the_same_check_is_kept_once(tmp_path: Path) -> None:
    spool = await Spool.open(tmp_path / "s")
    one = seen()
    await spool.append(one)
    await spool.append(one)
    assert (await spool.counts()).waiting == 1
    await spool.close()


async def test_when_full_the_oldest_successes_go_first(tmp_path: Path) -> None:
    spool = await Spool.open(tmp_path / "s", limit_bytes=20_000)
    failures = [seen(b"f" * 3_000, "critical") for _ in range(2)]
    successes = [seen(b"s" * 3_000) for _ in range(6)]
    for one in [failures[0], *successes, failures[1]]:
        await spool.append(one)
    ids = [one.id for one in await spool.batch()]
    counts = await spool.counts()
    assert {str(one.id) for one in failures} <= set(ids)
    assert ids[-1] == str(failures[1].id)
    assert counts.dropped_successes == 8 - len(ids) > 0
    assert counts.size_bytes <= 20_000
    for _ in range(10):
        await spool.append(seen(b"f" * 3_000, "unknown"))
    assert (await spool.counts()).dropped_failures > 0
    await spool.close()


async def test_what_is_refused_for_ever_is_set_aside(tmp_path: Path) -> None:
    spool = await Spool.open(tmp_path / "s")
    await spool.append(seen())
    [one] = await spool.batch()
    await spool.set_aside(one.n, "invalid_check", "why")
    counts = await spool.counts()
    assert (counts.waiting, counts.refused, counts.size_bytes) == (0, 1, 0)
    await spool.close()


async def test_a_second_probe_on_the_same_spool_is_told(tmp_path: Path) -> None:
    spool = await Spool.open(tmp_path / "s")
    with pytest.raises(Unavailable):
        await Spool.open(tmp_path / "s")
    await spool.close()


async def test_facts_are_kept(tmp_path: Path) -> None:
    spool = await Spool.open(tmp_path / "s")
    assert await spool.recall("uuid") is None
    await spool.remember("uuid", "a")
    await spool.remember("uuid", "b")
    assert await spool.recall("uuid") == "b"
    await spool.close()


WRITER = """
import asyncio, sys
from pathlib import Path
from uuid import uuid4
from pumpkin.model.checks import Observation
from pumpkin.probes.spool import Spool

async def main():
    spool = await Spool.open(Path(sys.argv[1]))
    while True:
        one = Observation(uuid4(), "t", "raw", "p@localhost", 1, b"x" * 2000)
        await spool.append(one)
        print(one.id, flush=True)

asyncio.run(main())
"""


async def test_nothing_appended_is_lost_to_kill_9(tmp_path: Path) -> None:
    said: list[str] = []
    for _ in range(3):
        writer = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITER, str(tmp_path / "s"), stdout=asyncio.subprocess.PIPE
        )
        assert writer.stdout is not None
        for _ in range(20):
            said.append((await writer.stdout.readline()).decode().strip())
        os.kill(writer.pid, signal.SIGKILL)
        said += (await writer.stdout.read()).decode().split()
        await writer.wait()
    spool = await Spool.open(tmp_path / "s")
    found = [one.id for one in await spool.batch(100_000)]
    assert [one for one in found if one in set(said)] == said
    await spool.close()
