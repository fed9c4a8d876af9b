"""Databases of SCANDALE's and of Pack-a-mal's shape, made here, are taken in whole, once, with their tokens."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from click.testing import CliRunner

from pumpkin import auditor, importer
from pumpkin.__main__ import cli
from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from pumpkin.errors import StartError
from pumpkin.evidence import tsp
from pumpkin.evidence.authority import Authority
from pumpkin.store import checks, keys, proofs
from pumpkin.store.database import Database

SCANDALE = """
create table items (id serial primary key, scan_data jsonb);
create table time_stamp_tokens (id serial primary key, scan_uuid uuid not null unique, tst bytea);
"""
PACKAMAL = """
create table website_package (id bigserial primary key, package_name varchar(20) not null,
    package_version varchar(20) not null, ecosystem varchar(20) not null);
create table website_reporttyposquatting (id bigserial primary key, package_id bigint unique references website_package,
    typosquatting_candidates jsonb not null);
create table website_reportsource (id bigserial primary key, package_id bigint unique references website_package,
    source_url jsonb not null);
create table website_reportdynamicanalysis (id bigserial primary key,
    package_id bigint unique references website_package, time double precision not null, report jsonb not null);
create table website_apikey (id bigserial primary key, name varchar(100) not null, key varchar(64) not null unique,
    is_active boolean not null, rate_limit_per_hour int not null);
create table website_analysistask (id bigserial primary key, completed_at timestamptz,
    report_id bigint unique references website_reportdynamicanalysis);
insert into website_package values (1, 'six', '1.16.0', 'pypi'), (2, '@a/b', '2.0', 'npm'), (3, 'x', '1', 'cobol');
insert into website_reportdynamicanalysis values (1, 1, 12.5, '{"install": {"files": []}}'),
    (2, 2, 3, '{}'), (3, 3, 1, '{}');
insert into website_reporttyposquatting values (1, 1, '["sixx"]');
insert into website_apikey values (1, 'nightly', 'secret', true, 250), (2, 'old', 'gone', false, 100);
insert into website_analysistask values (1, '2025-06-01T12:00:00Z', 1);
"""


@pytest.fixture
async def foreign(postgres: EmbeddedPostgres) -> AsyncIterator[tuple[str, Any]]:
    """The address of an empty database, and a connection to it."""
    name = f"foreign_{uuid.uuid4().hex[:8]}"
    admin = await asyncpg.connect(postgres.dsn())
    await admin.execute(f"create database {name}")
    connection = await asyncpg.connect(postgres.dsn(name))
    yield postgres.dsn(name), connection
    await connection.close()
    await admin.execute(f"drop database {name} with (force)")
    await admin.close()


def item(raw: str, **meta: Any) -> tuple[str, dict[str, Any]]:
    name = str(uuid.uuid4())
    more = {"uuid": name, "ts": 1_700_000_000, "type": "df", **meta}
    return name, {"version": "1", "format": "text", "meta": more, "payload": {"raw": raw}}


async def test_items_and_the_tokens_that_prove_them_are_taken_once(
    database: Database, foreign: tuple[str, Any]
) -> None:
    dsn, connection = foreign
    await connection.execute(SCANDALE)
    authority = Authority.create("old one")
    raw = base64.b64encode(b"all is well").decode()
    made = [item(raw), item(raw), item("plain text, as older ones hold"), item(raw, ts="never")]
    for _, scan in made:
        await connection.execute("insert into items (scan_data) values ($1)", json.dumps(scan))
    for name, data in ((made[0][0], raw.encode()), (made[1][0], b"something else")):
        token = authority.respond(tsp.make_query(hashlib.sha256(data).digest()))
        await connection.execute(
            "insert into time_stamp_tokens (scan_uuid, tst) values ($1, $2)", uuid.UUID(name), tsp.token_of(token)
        )
    done = await importer.scandale(database, dsn, [authority.root_pem])
    assert (done.taken, done.tokens, done.refused) == (3, 1, 2), done.reasons
    assert (await importer.scandale(database, dsn, [authority.root_pem])).known == 3
    check = await checks.get(database, uuid.UUID(made[0][0]))
    assert check is not None
    assert (check.observed, check.type, check.payload) == (1_700_000_000_000_000, "df", raw.encode())
    assert await proofs.token(database, check.id) is not None
    plain = await checks.get(database, uuid.UUID(made[2][0]))
    assert plain is not None
    assert plain.payload == b"plain text, as older ones hold"
    assert (await auditor.audit(database, None)).faults == ()


async def test_reports_become_checks_and_keys_are_named(database: Database, foreign: tuple[str, Any]) -> None:
    dsn, connection = foreign
    await connection.execute(PACKAMAL.replace("package_id bigint unique", "package_id bigint"))
    await connection.execute(
        "insert into website_reporttyposquatting values (0, 1, '[]')"
    )  # an older row: the newest says
    done, found = await importer.packamal(database, dsn)
    assert (done.taken, done.refused, found) == (2, 1, [("nightly", 250)])
    assert "cobol" in done.reasons[0]
    assert (await importer.packamal(database, dsn))[0].known == 2
    (check, _), _ = await checks.page(database, limit=10, target="pkg:pypi/six@1.16.0"), None
    assert len(check) == 1
    whole = await checks.get(database, check[0].id)
    assert whole is not None
    assert whole.payload is not None
    said = json.loads(whole.payload)
    assert said["report"] == {"report": {"install": {"files": []}}}
    assert said["typosquatting"] == {"typosquatting_candidates": ["sixx"]}
    assert whole.observed == 1_748_779_200_000_000


async def test_odd_rows_are_taken_as_far_as_they_go_and_each_other_is_named(
    database: Database, foreign: tuple[str, Any]
) -> None:
    dsn, connection = foreign
    await connection.execute(SCANDALE.replace("scan_uuid uuid", "scan_uuid text"))
    await connection.execute("insert into time_stamp_tokens values (1, 'not one', '\\x00')")
    raw = base64.b64encode(b"up").decode()
    name, whole = item(raw)
    without_id = {**whole, "meta": {"ts": 1_700_000_000, "type": "df"}}
    without_both = {**whole, "meta": {"type": "df", "uuid": "", "ts": None}}
    other = {**whole, "payload": {"raw": base64.b64encode(b"down").decode()}}
    rows: list[str | None] = [
        *(json.dumps(one) for one in (whole, whole, other, without_id, without_both, without_id)),
        None, "null", "[]", '"text"', "{}", '{"meta": 5}', json.dumps({**whole, "meta": {"uuid": "x", "ts": 1}}),
        json.dumps({**whole, "meta": {"uuid": str(uuid.uuid4()), "ts": "never"}}), '{"n": ' + "9" * 5_000 + "}",
    ]  # fmt: skip
    await connection.execute("insert into items (id, scan_data) values (-3, $1)", json.dumps(item(raw)[1]))
    await connection.executemany("insert into items (scan_data) values ($1)", [(row,) for row in rows])
    named: list[tuple[str, str]] = []
    done = await importer.scandale(database, dsn, [], lambda what, why: named.append((what, why)))
    assert (done.taken, done.known, done.made) == (4, 2, 2), done
    assert {what for what, _ in named} == {"token 1", *(f"item {number}" for number in (3, *range(7, 16)))}
    assert name in dict(named)["item 3"]
    assert all(why for _, why in named)
    again = await importer.scandale(database, dsn, [])
    assert (again.taken, again.known, again.refused) == (0, 6, 11)
    kept, _ = await checks.page(database, limit=50)
    labels = [found.detail.get("labels") for one in kept if (found := await checks.get(database, one.id))]
    assert {"id": "made at import", "imported-from": "scandale"} in labels
    assert {"id": "made at import", "time": "not kept", "imported-from": "scandale"} in labels
    assert (await auditor.audit(database, None)).faults == ()


async def test_a_large_database_goes_through_by_stretches(database: Database, foreign: tuple[str, Any]) -> None:
    """Three stretches of 500, of which every tenth row is none."""
    dsn, connection = foreign
    await connection.execute(SCANDALE)
    await connection.execute(
        "insert into items (scan_data) select case when n % 10 = 0 then '{}'::jsonb else jsonb_build_object('version',"
        " '1', 'format', 'text', 'meta', jsonb_build_object('uuid', gen_random_uuid(), 'ts', 1700000000 + n,"
        " 'type', 'df'), 'payload', jsonb_build_object('raw', encode(convert_to('up ' || n, 'UTF8'), 'base64'))) end"
        " from generate_series(1, 1200) n"
    )
    done = await importer.scandale(database, dsn, [])
    assert (done.taken, done.refused, len(done.reasons)) == (1_080, 120, importer.SHOWN)


async def test_rows_without_a_key_of_their_own_are_each_taken_or_named(
    database: Database, foreign: tuple[str, Any]
) -> None:
    """A table without a key: six hundred rows of one id, ids that are missing, and ids below what a serial has."""
    dsn, connection = foreign
    await connection.execute(SCANDALE.replace("id serial primary key", "id bigint"))
    await connection.execute(
        "insert into items (id, scan_data) select case when n <= 600 then 21 when n = 601 then -9000000000 end,"
        " jsonb_build_object('version', '1', 'format', 'text', 'meta', jsonb_build_object('uuid', gen_random_uuid(),"
        " 'ts', 1700000000, 'type', 'df'), 'payload', jsonb_build_object('raw', encode('up', 'base64')))"
        " from generate_series(1, 603) n"
    )
    await connection.execute("insert into items values (null, '[]'), (null, null)")
    named: list[str] = []
    done = await importer.scandale(database, dsn, [], lambda what, _: named.append(what))
    assert (done.taken, done.refused, named) == (603, 2, ["item", "item"])


async def test_tokens_of_another_kind_than_bytes_are_named(database: Database, foreign: tuple[str, Any]) -> None:
    dsn, connection = foreign
    await connection.execute(SCANDALE.replace("tst bytea", "tst text"))
    name, scan = item(base64.b64encode(b"up").decode())
    await connection.execute("insert into items (scan_data) values ($1)", json.dumps(scan))
    await connection.execute("insert into time_stamp_tokens (scan_uuid, tst) values ($1, 'MIIC')", uuid.UUID(name))
    done = await importer.scandale(database, dsn, [])
    assert (done.taken, done.reasons) == (1, ["token 1: its tst is of another kind than bytes"])


HOSTILE = """
create table website_package (id int, package_name text, package_version text, ecosystem text);
create table website_reporttyposquatting (id int, package_id int, candidates text);
create table website_reportsource (id int, package_id int, urls text);
create table website_reportdynamicanalysis (id int, package_id int, time float, report json);
create table website_apikey (id int, name text, is_active boolean, rate_limit_per_hour text);
create table website_analysistask (id int, completed_at timestamptz, report_id int);
insert into website_package values (1, 'six', '1.16.0', 'pypi'), (2, null, null, 'npm'), (3, '', '1', 'pypi'),
    (4, 'six', '1', null), (5, repeat('a', 5000), '1', 'pypi'), (6, E'si\nx', '1', 'pypi'), (7, 'seven', '7', 'npm');
insert into website_reportdynamicanalysis select n, 1, 3, '{}' from generate_series(1, 5) n;
insert into website_reportdynamicanalysis select 10 + n, n, 'Infinity', '{}' from generate_series(2, 6) n;
insert into website_reportdynamicanalysis values (20, 99, 1, '{}'), (21, 7, 1, '{"a": "\\ud800"}'),
    (22, 7, 'NaN', '{"a": "\\u0000"}'), (null, 7, 1, '{}');
insert into website_analysistask values (1, 'infinity', 1), (2, '-infinity', 2), (3, '200000-01-01', 3),
    (4, '0044-01-01 BC', 4), (5, '2025-06-01 12:00:00.123457+02', 5);
insert into website_apikey values (1, 'a', true, '-5'), (2, null, true, null), (3, E'bad\nname', true, 'abc'),
    (4, repeat('n', 300), true, '99999999999999999999');
"""


async def test_odd_reports_are_named_and_the_rest_is_taken(
    dsn: str, database: Database, foreign: tuple[str, Any], tmp_path: Path
) -> None:
    address, connection = foreign
    await connection.execute(HOSTILE)
    asked = ["import", "packamal", address, "--keys", "--json", "--data", str(tmp_path / "data")]
    surroundings = {"PUMPKIN_DATABASE": dsn}
    done = await asyncio.to_thread(CliRunner(env=surroundings).invoke, cli, asked)
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    lines = [json.loads(line) for line in Path(said["report"]).read_text().splitlines()]
    assert [line["id"] for line in lines] == [1, 2, 3, 4, 12, 13, 14, 15, 16, 20, 21]
    assert "'200000-01-01T00:00:00+00:00' is none that can be kept" in lines[2]["why"]
    assert said["taken"] == 3
    kept, _ = await checks.page(database, limit=10, target="pkg:pypi/six@1.16.0")
    assert [one.observed for one in kept] == [1_748_772_000_123_457]
    assert [one["name"] for one in said["keys"]] == ["a", "key 2", "badname", "n" * 200]
    assert {one.name: one.rate for one in await keys.listed(database)} == {
        "a": 1,
        "key 2": 100,
        "badname": 100,
        "n" * 200: 1_000_000,
    }
    nowhere = tmp_path / "none" / "report"
    done = await asyncio.to_thread(CliRunner(env=surroundings).invoke, cli, [*asked, "--report", str(nowhere)])
    assert (done.exit_code, nowhere.parent.exists()) == (1, False)
    assert f"The folder {nowhere.parent} is not there." in done.stderr


async def test_tables_of_another_make_are_refused_in_a_sentence(database: Database, foreign: tuple[str, Any]) -> None:
    dsn, connection = foreign
    await connection.execute(HOSTILE.replace("rate_limit_per_hour", "hourly"))
    with pytest.raises(StartError, match='not of that kind: column "rate_limit_per_hour" does not exist'):
        await importer.packamal(database, dsn)


async def test_another_database_is_refused_in_a_sentence(database: Database, foreign: tuple[str, Any]) -> None:
    dsn, _ = foreign
    with pytest.raises(StartError, match="no database of Pack-a-mal"):
        await importer.packamal(database, dsn)
    with pytest.raises(StartError, match='not of that kind: it has no table "items"'):
        await importer.scandale(database, dsn, [])
    with pytest.raises(StartError, match=r"cannot be reached: .*Connect"):
        await importer.scandale(database, "postgresql://nobody@127.0.0.1:1/x", [])


async def test_the_command_of_the_migration_guide(dsn: str, foreign: tuple[str, Any], tmp_path: Path) -> None:
    address, connection = foreign
    await connection.execute(PACKAMAL)
    surroundings = {"PUMPKIN_DATABASE": dsn}
    asked = ["import", "packamal", address, "--keys", "--json", "--data", str(tmp_path)]
    done = await asyncio.to_thread(CliRunner(env=surroundings).invoke, cli, asked)
    said = json.loads(done.stdout)
    assert (said["taken"], [one["name"] for one in said["keys"]]) == (2, ["nightly"])
    assert said["keys"][0]["key"].startswith("pk_")
    lines = Path(said["report"]).read_text().splitlines()
    assert [json.loads(line)["row"] for line in lines] == ["report"]
    assert json.loads(lines[0])["id"] == 3
    done = await asyncio.to_thread(CliRunner(env=surroundings).invoke, cli, asked)
    again = json.loads(done.stdout)
    assert (again["taken"], again["known"], again["keys"], again["keys_known"]) == (0, 2, [], ["nightly"])
