"""The door of the store: schema, queries, connections that come back."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path

import asyncpg
import pytest

from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from pumpkin.errors import InvalidRequest, StartError, Unavailable
from pumpkin.store import facts, migrations
from pumpkin.store.database import (
    COMMAND_S,
    MIGRATION_S,
    Database,
    connect,
    load_queries,
    migrate,
    sql_folder,
)


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


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("select $1::text", "a\x00b"),
        ("select $1::jsonb", {"a": "\x00"}),
        ("select array_length($1::text[], 1)", ["\x00"]),
    ],
)
async def test_text_that_cannot_be_kept_is_its_senders_fault(database: Database, question: str, value: object) -> None:
    with pytest.raises(InvalidRequest, match=r"U\+0000"):
        async with database.writer() as connection:
            await connection.fetchval(question, value)
    async with database.writer() as connection:
        assert await connection.fetchval("select 1") == 1


async def test_a_dry_run_names_what_is_missing_and_changes_nothing(postgres: EmbeddedPostgres) -> None:
    admin = await connect(postgres.dsn())
    await admin.execute("create database bare_one")
    try:
        wanted = [path.stem for path in sorted((sql_folder() / "migrations").glob("*.sql"))]
        dsn = postgres.dsn("bare_one")
        assert await migrate(dsn, dry_run=True) == wanted
        assert await migrate(dsn, dry_run=True) == wanted
        done = await asyncio.gather(*(migrate(dsn) for _ in range(4)))
        assert sorted(done) == [[], [], [], wanted]
    finally:
        await admin.execute("drop database bare_one with (force)")
        await admin.close()


async def test_a_newer_database_and_a_changed_migration_stop_the_start(dsn: str, tmp_path: Path) -> None:
    shutil.copytree(sql_folder(), tmp_path / "sql")
    first = tmp_path / "sql" / "migrations" / "0001_ground.sql"
    first.write_text(first.read_text("utf-8") + "-- and more\n", "utf-8")
    with pytest.raises(StartError, match="0001_ground was changed after"):
        await Database.open(dsn, sql=tmp_path / "sql")
    for file in first.parent.glob("*.sql"):
        file.unlink()
    with pytest.raises(StartError, match="newer Pumpkin"):
        await Database.open(dsn, sql=tmp_path / "sql")


async def test_a_migration_that_fails_leaves_nothing_behind(dsn: str, tmp_path: Path) -> None:
    shutil.copytree(sql_folder(), tmp_path / "sql")
    more = tmp_path / "sql" / "migrations" / "0999_more.sql"
    more.write_text("create table half (n int); select no_such_function();", "utf-8")
    with pytest.raises(StartError, match="no_such_function"):
        await Database.open(dsn, sql=tmp_path / "sql")
    more.write_text("create table half (n int);", "utf-8")
    assert await migrate(dsn, sql=tmp_path / "sql") == [more.stem]


async def test_a_migration_may_take_its_time_and_says_when_it_took_too_long(dsn: str, tmp_path: Path) -> None:
    shutil.copytree(sql_folder(), tmp_path / "sql")
    more = tmp_path / "sql" / "migrations" / "0999_more.sql"
    more.write_text("create table half (n int); select pg_sleep(60);", "utf-8")
    assert MIGRATION_S > 100 * COMMAND_S
    with pytest.raises(StartError, match="0999_more did not end in time"):
        await migrate(dsn, sql=tmp_path / "sql", within_s=0.3)
    more.write_text("create table half (n int);", "utf-8")
    assert await migrate(dsn, sql=tmp_path / "sql") == [more.stem]


async def test_a_dry_run_beside_a_server_waits_for_nobody_and_holds_up_nobody(dsn: str, tmp_path: Path) -> None:
    """Not what it would do and take back: one that reads neither waits for a lock that is held nor takes one."""
    shutil.copytree(sql_folder(), tmp_path / "sql")
    more = tmp_path / "sql" / "migrations" / "0999_more.sql"
    more.write_text("alter table checks add column later int; select no_such_function();", "utf-8")
    other = await connect(dsn)
    try:
        async with other.transaction():
            await other.execute("lock table checks in access exclusive mode")
            await other.execute(f"select pg_advisory_xact_lock({migrations.LOCK})")
            assert await migrate(dsn, dry_run=True, sql=tmp_path / "sql") == [more.stem]
    finally:
        await other.close()


async def test_one_number_twice_is_refused_and_a_gap_is_filled_later(dsn: str, tmp_path: Path) -> None:
    shutil.copytree(sql_folder(), tmp_path / "sql")
    folder = tmp_path / "sql" / "migrations"
    (folder / "0999_far.sql").write_text("select 1;", "utf-8")
    assert await migrate(dsn, sql=tmp_path / "sql") == ["0999_far"]
    (folder / "0998_between.sql").write_text("select 1;", "utf-8")
    assert await migrate(dsn, sql=tmp_path / "sql") == ["0998_between"]
    (folder / "0999_again.sql").write_text("select 1;", "utf-8")
    with pytest.raises(StartError, match="the same number"):
        await Database.open(dsn, sql=tmp_path / "sql")


@pytest.mark.parametrize(
    "address", ["postgresql://someone:secret@127.0.0.1:1/none", "nonsense", "postgresql:///x?host=/no/such/folder"]
)
async def test_a_server_that_is_not_there_stops_the_start_without_telling_the_password(address: str) -> None:
    with pytest.raises(StartError) as caught:
        await Database.open(address)
    assert "secret" not in caught.value.message
    assert caught.value.message.endswith(".")


async def test_json_goes_in_and_out_as_values(database: Database) -> None:
    value = {"é": [1, 2.5, None, True, {"deep": "x" * 1_000}]}
    await facts.put(database, "thing", value)
    assert await facts.get(database, "thing") == value
    assert await facts.once(database, "thing", "other") == value
    assert await facts.once(database, "second", [1]) == [1]
    assert await facts.get(database, "unknown") is None


async def test_more_readers_than_connections_wait_their_turn(database: Database) -> None:
    async def one(n: int) -> int:
        async with database.reader() as connection:
            return int(await connection.fetchval("select $1::int from pg_sleep(0.002)", n))

    assert await asyncio.gather(*(one(n) for n in range(100))) == list(range(100))


async def test_a_reader_cut_off_leaves_its_connection_usable(database: Database) -> None:
    async def long() -> None:
        async with database.reader() as connection, connection.transaction():
            await connection.execute("select pg_sleep(30)")

    tasks = [asyncio.create_task(long()) for _ in range(4)]
    await asyncio.sleep(0.1)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(5):
        for _ in range(8):
            async with database.reader() as connection:
                assert not connection.is_in_transaction()
                assert await connection.fetchval("select 1") == 1


async def test_a_wrong_question_is_not_called_absence(database: Database) -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        async with database.reader() as connection:
            await connection.fetchval("select * from no_such_table")
    with pytest.raises(asyncpg.DataError, match="value out of int32 range"):
        async with database.reader() as connection:
            await connection.fetchval("select $1::int", 2**40)
    async with database.reader() as connection:
        assert await connection.fetchval("select 1") == 1


async def test_every_use_after_close_is_told(dsn: str) -> None:
    db = await Database.open(dsn)
    await db.close()
    with pytest.raises(Unavailable):
        await facts.get(db, "thing")
