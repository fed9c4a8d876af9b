"""The door of the store: schema, queries, connections that come back."""

from __future__ import annotations

import asyncio
import re

import asyncpg
import pytest

from pumpkin.store.database import Database, connect, load_queries, migrate, sql_folder


def _queries() -> dict[str, str]:
    queries = load_queries(sql_folder())
    names = [name for name in queries.available_queries if not name.endswith("_cursor")]
    return {name: getattr(queries, name).sql for name in names}


async def test_a_migrated_database_needs_nothing(database: Database, dsn: str) -> None:
    assert await migrate(dsn) == []


async def test_every_named_query_can_be_prepared(dsn: str) -> None:
    connection = await connect(dsn)
    faults = {}
    try:
        for name, text in _queries().items():
            try:
                await connection.prepare(text)
            except asyncpg.PostgresError as error:
                faults[name] = str(error)
    finally:
        await connection.close()
    assert faults == {}


def test_every_named_query_says_what_it_is_for() -> None:
    silent = []
    for file in (sql_folder() / "queries").glob("*.sql"):
        for name, following in re.findall(r"^-- name: (\S+)\n(.*)", file.read_text("utf-8"), re.MULTILINE):
            if not following.startswith("-- "):
                silent.append(name)
    assert silent == []


async def test_a_writer_cut_off_in_the_middle_takes_nobody_with_it(database: Database) -> None:
    """A task cancelled while its BEGIN is under way once left the next statement in a transaction nobody ended."""
    async with database.writer() as connection:
        await connection.execute("create table kept (n int)")

    async def cut_off() -> None:
        async with database.writer() as connection, connection.transaction():
            await connection.execute("select 1")

    for turns in range(12):
        task = asyncio.create_task(cut_off())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        async with database.writer() as connection:
            await connection.execute("insert into kept values ($1)", turns)
        async with database.reader() as connection:
            assert await connection.fetchval("select count(*) from kept") == turns + 1


async def test_a_value_that_does_not_fit_is_not_taken_for_a_server_away(database: Database) -> None:
    async with database.reader() as connection:
        with pytest.raises(asyncpg.DataError):
            await connection.fetchval("select $1::int", 2**40)
