"""What `pumpkin agent` refuses before anything is made."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from pumpkin.__main__ import cli


def asked(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["agent", *arguments])
    return done.exit_code, done.stderr


@pytest.mark.parametrize("listens", ["https://0.0.0.0:8443", "https://[::]:8443"])
def test_a_line_names_no_address_that_is_every_address(tmp_path: Path, listens: str) -> None:
    (tmp_path / "ready.json").write_text(json.dumps({"url": listens}))
    status, said = asked("line", "--data", str(tmp_path))
    assert (status, "--address HOST:PORT" in said) == (2, True)


async def test_a_mistyped_agent_is_noticed(dsn: str, tmp_path: Path) -> None:
    async def told(act: str, jid: str) -> tuple[int, str]:
        asked = ["agent", act, jid, "--data", str(tmp_path)]
        done = await asyncio.to_thread(CliRunner(env={"PUMPKIN_DATABASE": dsn}).invoke, cli, asked)
        return done.exit_code, done.output

    status, said = await told("remove", "nobody")
    assert (status, "There is no agent nobody@localhost here" in said) == (1, True)
    assert "No agent of this name was ever seen here" in (await told("approve", "nobdy"))[1]
    assert await told("approve", "nobdy") == (0, "nobdy@localhost is approved.\n")
    assert (await told("add", "roof"))[0] == 0
    assert await told("approve", "roof") == (0, "roof@localhost is approved.\n")


def test_a_job_of_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    for given, said in (
        (str(tmp_path / "none.toml"), f"{tmp_path}/none.toml: No such file or directory; give a file or JSON"),
        (str(tmp_path), "Is a directory; give a file or JSON"),
        ("[1]", "[1]: No such file or directory"),
        ('{"use":', "Expecting value"),
    ):
        done = CliRunner().invoke(cli, ["job", "add", given, "--all", "--data", str(tmp_path)])
        assert done.exit_code == 2
        assert said in " ".join(done.stderr.replace("│", "").split()), done.stderr


@pytest.mark.parametrize("command", ["line", "invite"])
def test_hours_that_are_no_number_are_a_wrong_use(tmp_path: Path, command: str) -> None:
    (tmp_path / "ready.json").write_text(json.dumps({"url": "http://127.0.0.1:8000"}))
    assert asked(command, "--hours", "nan", "--data", str(tmp_path))[0] == 2
