"""Where a command works: never in a folder nobody meant, never in another database than the server's."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pumpkin.__main__ import COMMANDS, cli
from pumpkin.store import agents
from pumpkin.store.database import Database, connect

READING = [
    ("audit",),
    ("agent", "list"),
    ("key", "list"),
    ("key", "revoke", "abc"),
    ("user", "list"),
    ("user", "remove", "ada"),
    ("agent", "remove", "probe1"),
    ("tsa", "list"),
]


def run(*arguments: str, **environment: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, arguments, env={"PUMPKIN_DATABASE": "", **environment})
    return done.exit_code, done.output


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_a_mistyped_folder_is_no_empty_installation(tmp_path: Path, command: tuple[str, ...]) -> None:
    status, text = run(*command, "--data", str(tmp_path / "nowhere"))
    assert status == 1
    assert f"There is no Pumpkin in {tmp_path / 'nowhere'}" in text
    assert not (tmp_path / "nowhere").exists()


def test_a_pumpkin_that_is_made_on_the_way_is_said(tmp_path: Path) -> None:
    asked = ["agent", "add", "probe1", "--json", "--data", str(tmp_path / "new")]
    done = CliRunner(env={"PUMPKIN_DATABASE": ""}).invoke(cli, asked)
    assert (done.exit_code, json.loads(done.stdout)["jid"]) == (0, "probe1@localhost")
    assert done.stderr == f"There was no Pumpkin in {tmp_path / 'new'}; one is made there.\n"


@pytest.mark.parametrize("command", [("key", "add", "--name", "x"), ("agent", "add", "probe1"), ("agent", "list")])
def test_a_server_with_another_database_is_not_given_an_embedded_one(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "log-key.secret.pem").touch()
    status, text = run(*command, "--data", str(tmp_path))
    assert status == 1
    assert "keeps its data in another PostgreSQL" in text
    assert not (tmp_path / "postgres").exists()


def test_no_command_takes_a_database_forward_under_the_servers_that_run_on_it(tmp_path: Path, dsn: str) -> None:
    async def on_it(statement: str) -> list[int]:
        connection = await connect(dsn)
        rows = await connection.fetch(statement)
        await connection.close()
        return [row["number"] for row in rows]

    newest = "delete from migrations where number = (select max(number) from migrations) returning number"
    (gone,) = asyncio.run(on_it(newest))  # as if this were the first version that has it
    for command in (("key", "list"), ("key", "add", "--name", "x"), ("audit",), ("user", "remove", "ada")):
        status, text = run(*command, "--data", str(tmp_path), PUMPKIN_DATABASE=dsn)
        assert (status, "of an older version: 1 of its migrations" in text) == (1, True), text
    status, text = run("upgrade", "--dry-run", "--data", str(tmp_path), PUMPKIN_DATABASE=dsn)
    assert (status, f"1 migrations would be applied: {gone:04d}_" in text) == (0, True), text
    (tmp_path / "pass").write_text("a passphrase of some length\n")
    backup = ("backup", str(tmp_path / "b"), "--passphrase-file", str(tmp_path / "pass"))
    status, text = run(*backup, "--data", str(tmp_path), PUMPKIN_DATABASE=dsn)
    assert (status, (tmp_path / "b").exists()) == (0, True), text
    assert gone not in asyncio.run(on_it("select number from migrations"))


def test_agents_are_made_in_the_domain_of_the_running_server_and_not_with_its_own_names(
    tmp_path: Path, dsn: str
) -> None:
    (tmp_path / "ready.json").write_text(json.dumps({"xmpp": {"domain": "fleet.example"}}))
    place = ("--data", str(tmp_path), "--json")
    status, text = run("agent", "add", "probe1", *place, PUMPKIN_DATABASE=dsn)
    assert (status, json.loads(text)["jid"]) == (0, "probe1@fleet.example")
    status, text = run("agent", "add", "aggregator", *place, PUMPKIN_DATABASE=dsn)
    assert status == 1
    assert "Pumpkin's own" in text
    status, text = run("agent", "remove", "nobody", *place, PUMPKIN_DATABASE=dsn)
    assert status == 1
    assert "There is no agent nobody@fleet.example" in text
    assert run("agent", "remove", "probe1", *place, PUMPKIN_DATABASE=dsn)[0] == 0
    with asyncio.Runner() as runner:
        runner.run(_seen(dsn, "aggregator@fleet.example"))
    status, text = run("agent", "remove", "aggregator", *place, PUMPKIN_DATABASE=dsn)
    assert status == 1
    assert "Pumpkin's own" in text


async def _seen(dsn: str, jid: str) -> None:
    db = await Database.open(dsn)
    await agents.seen(db, jid, state="approved")
    await db.close()


def test_wrong_values_are_one_sentence(tmp_path: Path) -> None:
    for wrong, said in (
        (("key", "add", "--name", "x", "--rate", "99999999999"), "is not in the range"),
        (("run", "--domain", "bad domain"), "The setting xmpp.domain is not a host name"),
        (("run", "--domain", "UPPER"), "The setting xmpp.domain is not a host name"),
        (("user", "add", "ada"), "give --password"),
        (("job", "remove", "99999999999999999999"), "is not in the range"),
    ):
        status, text = run(*wrong, "--data", str(tmp_path))
        assert status in (1, 2, 78)
        assert said in text
        assert "Traceback" not in text


def test_every_command_takes_a_data_folder() -> None:
    def leaves(command: click.Command, path: str) -> list[tuple[str, click.Command]]:
        if isinstance(command, click.Group):
            return [leaf for name, one in command.commands.items() for leaf in leaves(one, f"{path} {name}")]
        return [(path, command)]

    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None, name
        for path, leaf in leaves(command, name):
            assert any("--data" in option.opts for option in leaf.params), path
    assert run("version", "--data", "/", "--json")[0] == 0
    assert run("openapi", "--data", "/", "--json")[0] == 0


def test_a_password_comes_from_a_file_and_an_empty_one_is_none(tmp_path: Path, dsn: str) -> None:
    words = tmp_path / "words"
    words.write_text("a word of eighteen letters\n")
    line = ("agent", "add", "probe1", "--password-file", str(words), "--data", str(tmp_path), "--json")
    status, text = run(*line, PUMPKIN_DATABASE=dsn)
    assert (status, json.loads(text)["password"]) == (0, "a word of eighteen letters")
    words.write_text("\n")
    assert run(*line, PUMPKIN_DATABASE=dsn)[0] == 2
