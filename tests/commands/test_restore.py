"""Backups of a PostgreSQL of one's own, older than ours; where what is restored goes; and what a killed one leaves."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest

from pumpkin.adapters.backup import files_of
from pumpkin.adapters.dumping import apart
from pumpkin.adapters.embedded import binaries
from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from pumpkin.commands.backup import BackupBroken, _own_database, same_log
from pumpkin.identity import Mark
from pumpkin.settings import load
from pumpkin.store.database import Database
from tests.acceptance.product import PUMPKIN, Product

MARK = "a payload that may lie nowhere in the clear"


@pytest.fixture
def oldest() -> Iterator[EmbeddedPostgres]:
    """A server of the oldest version at hand, with the databases one and two."""
    major = min(major for major, _ in binaries.installations())
    folder = Path(tempfile.mkdtemp(prefix="pumpkin-test-"))
    folder.chmod(0o755)  # the distribution's initdb insists on reaching it
    server = EmbeddedPostgres(folder / "server", major=major)
    with ThreadPoolExecutor(1) as thread, asyncio.Runner() as runner:

        async def start() -> None:
            await server.start()
            connection = await asyncpg.connect(server.dsn())
            assert connection.get_server_version().major == major
            for name in ("one", "two"):
                await connection.execute(f"create database {name}")
            await connection.close()

        thread.submit(runner.run, start()).result()
        yield server
        thread.submit(runner.run, server.stop()).result()
    shutil.rmtree(folder)


def cut_off(command: list[str], seen: Callable[[], bool], number: int) -> int:
    """The exit status of a command that gets this signal as soon as `seen`."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not seen():
            assert process.poll() is None, "it was over before"
            time.sleep(0.001)
        process.send_signal(number)
        return process.wait(20)


@pytest.mark.timeout(180)
def test_a_database_of_ones_own_is_restored_where_it_is_told_and_never_over_the_first(
    tmp_path: Path, oldest: EmbeddedPostgres
) -> None:
    words = tmp_path / "words"
    words.write_text("four words that nobody guesses\n")
    opened = ("--passphrase-file", str(words))
    data, place, rules = tmp_path / "data", tmp_path / "backups", tmp_path / "alerts.toml"
    data.mkdir()
    place.mkdir()
    rules.write_text("")
    given = f"database = {json.dumps(oldest.dsn('one'))}\n[correlation]\nrules = {json.dumps(str(rules))}\n"
    (data / "pumpkin.toml").touch(0o600)
    (data / "pumpkin.toml").write_text(given)
    product = Product(data).start()
    try:
        key = product.key("checks:write", "checks:read")
        body = {"type": "http", "format": "text", "payload": {"text": MARK}}
        check = product.json("/api/v1/checks", key=key, body=body)["data"]["id"]
        product.until_stamped(check, key)
    finally:
        product.kill()

    file = place / "all"
    command = [str(PUMPKIN), "backup", str(file), *opened, "--data", str(data)]
    for number in (signal.SIGTERM, signal.SIGKILL):
        assert cut_off(command, lambda: any(place.glob(".pumpkin-backup-*/database")), number)
        left = [path for path in place.rglob("*") if path.is_file()]
        assert (number == signal.SIGKILL) == bool(left)
        assert not [path for path in left if b"PGDMP" in path.read_bytes() or b"PRIVATE KEY" in path.read_bytes()]
    made = json.loads(product.command("backup", str(file), *opened, "--json"))
    assert made["outside"] == [str(rules)]
    assert [path.name for path in place.iterdir()] == ["all"], "what the killed one left is gone"
    assert "is not there" in product.failing("backup", str(tmp_path / "nowhere" / "x"), *opened)

    there = tmp_path / "there"
    command = [str(PUMPKIN), "restore", str(file), *opened, "--data", str(there), "--database", oldest.dsn("two")]
    assert cut_off(command, lambda: (there / "log-key.vkey").exists(), signal.SIGTERM)
    assert not there.exists()
    assert cut_off(command, lambda: (there / "log-key.vkey").exists(), signal.SIGKILL)
    again = Product(there)
    assert "was cut off" in again.failing("run", "--listen", "127.0.0.1:0", status=78)
    said = again.command("restore", str(file), *opened, "--database", oldest.dsn("two"))
    assert "1 checks as of 20" in said
    assert "which is left alone" in said
    assert "proven: every record" in said
    assert "NOT PROVEN: that the log had not grown past this backup. No --checkpoint was given" in said
    assert not (there / "restore.part").exists()
    assert json.dumps(oldest.dsn("two")) in (there / "pumpkin.toml").read_text()
    assert (there / "outside" / rules.relative_to("/")).exists()
    again.start()
    try:
        assert again.until_stamped(check, key)["payload"]["text"] == MARK
    finally:
        again.kill()
    third = Product(tmp_path / "third")
    taken = ("--database", oldest.dsn("two"))
    assert "is not empty" in third.failing("restore", str(file), *opened, *taken)
    assert json.loads(third.command("restore", str(file), *opened, "--json"))["checks"] == 1
    assert "\n# restored elsewhere: database" in "\n" + (third.data / "pumpkin.toml").read_text()


async def test_what_a_folder_has_seen_stands_for_a_checkpoint(database: Database) -> None:
    await same_log(database, Mark("a" * 16, "pumpkin.invalid/x"))
    with pytest.raises(BackupBroken, match="had 7 checks when that folder saw it; the backup has 0"):
        await same_log(database, Mark("a" * 16, "pumpkin.invalid/x", 7, "00" * 32))


def test_only_the_database_of_pumpkin_is_set_aside_and_not_that_of_a_module(tmp_path: Path) -> None:
    own = ['journal = "json"', 'database = "postgresql://db.example/one"', "quorum = 1"]
    more = ["[[modules]] # ours", 'name = "figures"', 'kind = "file"', "[modules.options]", 'database = "metrics"']
    for dsn, first in (("", []), ("postgresql:///two", ['database = "postgresql:///two"'])):
        file = tmp_path / "pumpkin.toml"
        file.write_text("\n".join([*own, *more]))
        _own_database(load(tmp_path, None, database=dsn), None)
        assert file.read_text().split("\n") == [*first, own[0], f"# restored elsewhere: {own[1]}", own[2], *more]


def test_what_does_not_belong_into_a_backup_is_left_out(tmp_path: Path) -> None:
    for name in ("postgres-15.old", "postgres.part", "restore.part", "kept"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    (tmp_path / "yesterday").write_bytes(b"key.age\0 and more")
    (tmp_path / "log-seen.json").touch()
    assert files_of(tmp_path) == [Path("kept/file")]


def test_no_password_stands_in_the_arguments_of_a_program() -> None:
    dsn = "postgresql://me:a%20word@db.example:5433/one?sslmode=require"
    assert apart(dsn) == ("postgresql://me@db.example:5433/one?sslmode=require", {"PGPASSWORD": "a word"})
    assert apart("postgresql:///one?host=%2Frun&password=x") == ("postgresql:///one?host=%2Frun", {"PGPASSWORD": "x"})


def test_nothing_is_asked_where_nobody_can_answer(tmp_path: Path) -> None:
    done = subprocess.run(
        [PUMPKIN, "backup", tmp_path / "x", "--json", "--data", tmp_path], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "give --passphrase-file" in json.loads(done.stderr)["error"]["message"]
