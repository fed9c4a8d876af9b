"""The door of the store: schema, queries, connections that come back."""

from __future__ import annotations

import re

import asyncpg

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
