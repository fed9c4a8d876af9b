"""A log that never forks in silence: a start on another database, an older one or without its key is refused."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import pytest

from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from pumpkin.adapters.folder import DataFolder
from pumpkin.building import ground
from pumpkin.errors import StartError
from pumpkin.settings import load
from tests.acceptance.product import PUMPKIN, Product

KEYS = ("log-key.secret.pem", "log-key.vkey", "log-key.pem", "log-origin.txt", "log-vault.secret.key", "log-seen.json")


def on_server(postgres: EmbeddedPostgres, *statements: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(postgres.dsn())
        for one in statements:
            await connection.execute(one)
        await connection.close()

    asyncio.run(run())


@pytest.fixture
def two(postgres: EmbeddedPostgres) -> Iterator[tuple[str, str]]:
    """Two empty databases."""
    names = ("kin_one", "kin_two")
    on_server(postgres, *(f"create database {name}" for name in names))
    yield postgres.dsn(names[0]), postgres.dsn(names[1])
    on_server(postgres, *(f"drop database {name} with (force)" for name in names))


def start(data: Path, dsn: str, *, new_log: bool = False) -> str:
    """The log's origin, as far as a start goes until it has its key."""

    async def opened() -> str:
        settings = load(data, None, database=dsn)
        async with AsyncExitStack() as stack:
            place = DataFolder(data)
            place.claim()
            stack.callback(place.release)
            db = await ground.open_database(settings, place, stack, new_log=new_log)
            return (await ground.open_log(settings, place, db, stack, new_log=new_log)).origin

    return asyncio.run(opened())


def refused(data: Path, dsn: str, *, new_log: bool = False) -> str:
    """What a start says that must not come to be."""
    with pytest.raises(StartError) as raised:
        start(data, dsn, new_log=new_log)
    return raised.value.message


def keys(data: Path) -> dict[str, bytes]:
    return {name: (data / name).read_bytes() for name in KEYS if (data / name).exists()}


@pytest.mark.timeout(180)
def test_a_log_goes_on_only_where_folder_and_database_both_know_it(
    tmp_path: Path, postgres: EmbeddedPostgres, two: tuple[str, str]
) -> None:
    one, other = two
    data = tmp_path / "data"
    data.mkdir()
    (data / "pumpkin.toml").write_text(f"database = {json.dumps(one)}\n")
    product = Product(data).start()
    key = product.key("checks:write", "checks:read")
    body = {"type": "http", "format": "text", "payload": {"text": "first"}}
    product.until_stamped(product.json("/api/v1/checks", key=key, body=body)["data"]["id"], key)
    assert product.stop() == 0
    (data / "pumpkin.toml").unlink()
    before = keys(data)
    assert sorted(before) == sorted(KEYS)
    origin = before["log-origin.txt"].decode().strip()

    done = subprocess.run(
        [PUMPKIN, "run", "--listen", "127.0.0.1:0", "--xmpp-port", "0", "--data", data, "--database", other],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    said = done.stderr
    assert (done.returncode, len(said.strip().splitlines())) == (78, 1), said
    assert f"the log {origin}" in said
    assert "kin_two holds no log" in said
    assert "--new-log" in said
    said = refused(data, "")  # the setting forgotten: no embedded one is made
    assert "is not there" in said
    assert not (data / "postgres").exists()
    copy = tmp_path / "copy"  # the same name begun elsewhere, by an installation with the same key
    copy.mkdir()
    for name in before.keys() - {"log-seen.json"}:
        shutil.copy(data / name, copy)
    start(copy, other)
    assert "begun under the same name" in refused(data, other)

    on_server(postgres, "alter database kin_one rename to kin_newest")  # an older copy of the database comes back
    on_server(postgres, "create database kin_one template kin_newest")
    run_in(one, "truncate checkpoints cascade")
    assert "older copy" in refused(data, one)
    on_server(postgres, "drop database kin_one", "alter database kin_newest rename to kin_one")

    for name, word in (("log-key.secret.pem", "put"), ("log-vault.secret.key", "second factors")):
        (data / name).rename(tmp_path / name)
        assert word in refused(data, one)
        assert keys(data) == {at: content for at, content in before.items() if at != name}, "nothing was written"
        (data / name).write_text("no key\n")
        assert f"{name} is not" in refused(data, one)
        (tmp_path / name).rename(data / name)
    bare = tmp_path / "bare"  # another folder, with no key at all
    assert f"holds the log {origin}" in refused(bare, one)
    assert not (bare / "log-key.vkey").exists()
    (data / "log-origin.txt").unlink()  # which the public key tells too
    assert start(data, one) == origin
    assert keys(data) == before
    assert "already: start without" in refused(data, one, new_log=True)

    on_server(postgres, "drop database kin_two", "create database kin_two")
    assert start(data, other, new_log=True) != origin
    (former,) = data.glob("former-log-*")
    assert (former / "log-key.secret.pem").read_bytes() == before["log-key.secret.pem"]
    assert former.stat().st_mode & 0o777 == 0o700


def run_in(dsn: str, statement: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(dsn)
        await connection.execute(statement)
        await connection.close()

    asyncio.run(run())


def test_a_first_start_that_was_cut_off_begins_anew_with_what_it_made(tmp_path: Path) -> None:
    place = DataFolder(tmp_path)
    (tmp_path / "log-origin.txt").write_text("log.example\n")  # killed before the key
    key = place.log_key("")
    assert key.origin == "log.example"
    (tmp_path / "log-key.vkey").unlink()  # killed before the public half
    assert place.log_key("").vkey == key.vkey
    (tmp_path / "log-key.secret.pem").unlink()
    with pytest.raises(StartError, match="is missing"):
        place.log_key("")
    assert not (tmp_path / "log-key.secret.pem").exists()
    assert "is missing" in next(place.faults())


def test_half_a_restore_is_not_served(tmp_path: Path) -> None:
    (tmp_path / "restore.part").mkdir()
    with pytest.raises(StartError, match="cut off"):
        DataFolder(tmp_path).claim()
    DataFolder(tmp_path).claim(restoring=True)


def test_a_key_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    place = DataFolder(tmp_path)
    place.authority("x")
    place.fleet_key()
    place.vault_key()
    for name in ("tsa-key.secret.pem", "fleet-key.secret.pem", "log-vault.secret.key"):
        (tmp_path / name).write_text("no key\n")
    found = list(place.faults())
    assert len(found) == 3, found
    with pytest.raises(StartError, match=r"log-origin.txt is not the name of a log"):
        place.log_key("a b")
