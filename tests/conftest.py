"""Real neighbours for every test: one PostgreSQL a session, a database of its own for each test.

`dsn` is the address of a migrated, empty database, cloned from a template (about 30 ms in memory); `database` is the
store opened on it. The server runs in a process of its own, so that it belongs to no test's event loop.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from pumpkin.store.database import Database, migrate

TEMPLATE = "pumpkin_template"
MEMORY = Path("/dev/shm")
ENOUGH = 4 << 30
"""Free bytes from which the server lies in memory: to make and drop a database takes a tenth of the time there."""
THROWN_AWAY = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "256MB"}
"""What a power cut would lose goes with the session anyway; tests of kill -9 and of disks have servers of their own."""
_numbers = itertools.count(1)


class PostgresServer:
    """An embedded PostgreSQL driven from a test session: its loop turns only while it is called."""

    def __init__(self, data: Path) -> None:
        self._runner = asyncio.Runner()
        self.server = EmbeddedPostgres(data)

    def start(self) -> None:
        self._runner.run(self._start())

    async def _start(self) -> None:
        await self.server.start()
        connection = await asyncpg.connect(self.server.dsn())
        for setting, value in THROWN_AWAY.items():
            await connection.execute(f"alter system set {setting} = '{value}'")
        await connection.execute("select pg_reload_conf()")
        await connection.execute(f"create database {TEMPLATE}")
        await connection.close()
        await migrate(self.server.dsn(TEMPLATE))

    def stop(self) -> None:
        self._runner.run(self.server.stop())
        self._runner.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """The session's server, on a folder that goes when the session ends."""
    place = MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH else None
    with tempfile.TemporaryDirectory(prefix="pumpkin-test-", dir=place) as folder, ThreadPoolExecutor(1) as thread:
        server = thread.submit(PostgresServer, Path(folder) / "data").result()
        try:
            thread.submit(server.start).result()
            yield server.server
        finally:
            thread.submit(server.stop).result()


@pytest.fixture
async def dsn(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """The address of a migrated, empty database of this test's own."""
    name = f"test_{next(_numbers)}"
    connection = await asyncpg.connect(postgres.dsn())
    try:
        await connection.execute(f"create database {name} template {TEMPLATE} strategy file_copy")
        yield postgres.dsn(name)
        await connection.execute(f"drop database if exists {name} with (force)")
    finally:
        await connection.close()


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    """The store, opened on this test's database."""
    db = await Database.open(dsn)
    yield db
    await db.close()


class Files(LoadScopeScheduling):
    """Files stay whole when tests run in several processes, and one process has the container engine to itself."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "engine" if file.startswith("tests/sandbox/") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Files:
    """How xdist (`-n 3`) hands out the tests."""
    return Files(config, log)
