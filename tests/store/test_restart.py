"""PostgreSQL going away under writes: nothing acknowledged is lost, nothing is there twice."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from pumpkin.errors import Unavailable
from pumpkin.model.checks import Receipt
from pumpkin.store import checks
from pumpkin.store.database import Database

from .conftest import Make, Row

KILLS = 4
T = TypeVar("T")


@pytest.fixture
async def server() -> AsyncIterator[tuple[EmbeddedPostgres, Database]]:
    """A server of this test's own, to be killed."""
    with tempfile.TemporaryDirectory(prefix="pumpkin-restart-") as folder:
        server = EmbeddedPostgres(Path(folder) / "data")
        try:
            db = await Database.open(await server.start())
            yield server, db
            await db.close()
        finally:
            await server.stop()


async def stored(db: Database, rows: list[Row]) -> list[Receipt]:
    """Store a batch, sending it again for as long as the database is away."""
    while True:
        try:
            answers = await checks.store_batch(db, rows)
        except Unavailable:
            await asyncio.sleep(0.02)
        else:
            return [answer for answer in answers if isinstance(answer, Receipt)]


async def patient(question: Callable[[], Awaitable[T]]) -> T:
    """The answer, asked for until the database is back."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await question()
            except Unavailable:
                await asyncio.sleep(0.02)


async def test_killed_under_writes_it_keeps_all_that_was_acknowledged(
    server: tuple[EmbeddedPostgres, Database], row: Make
) -> None:
    postgres, db = server
    receipts: list[Receipt] = []
    done = asyncio.Event()

    async def write() -> None:
        while not done.is_set():
            receipts.extend(await stored(db, [row() for _ in range(20)]))

    async def read() -> None:
        while not done.is_set():
            try:
                await checks.page(db, limit=5)
            except Unavailable:
                await asyncio.sleep(0.02)

    async def kill() -> None:
        for number in (*(signal.SIGKILL, signal.SIGINT) * (KILLS // 2), 0):
            before = len(receipts)
            while len(receipts) < before + 200:
                await asyncio.sleep(0.01)
            assert postgres.pid is not None
            os.kill(postgres.pid, number)
        done.set()

    async with asyncio.timeout(90), asyncio.TaskGroup() as tasks:
        for one in (write, write, read, kill):
            tasks.create_task(one())

    found = await patient(lambda: checks.items(db, 0, 1_000_000))
    assert {check.id: check.seq for check in found} == {receipt.id: receipt.seq for receipt in receipts}
    assert [check.seq for check in found] == list(range(len(receipts)))


async def test_while_it_is_away_each_use_is_answered_soon(server: tuple[EmbeddedPostgres, Database], row: Make) -> None:
    postgres, db = server
    await stored(db, [row()])
    await postgres.stop()
    begun = time.monotonic()
    for _ in range(50):
        with pytest.raises(Unavailable):
            await checks.store_batch(db, [row()])
        with pytest.raises(Unavailable):
            await checks.size(db)
    assert time.monotonic() - begun < 20  # a hundred uses
    await postgres.start()
    await stored(db, [row()])
    assert await patient(lambda: checks.size(db)) == 2
