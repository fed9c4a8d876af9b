"""With --json an error is JSON too, and the exit status stays what it was."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
from click.testing import CliRunner

from pumpkin.__main__ import COMMANDS, cli
from tests.acceptance.product import PUMPKIN


def asked(*arguments: str) -> tuple[int, dict[str, str]]:
    done = CliRunner().invoke(cli, arguments)
    return done.exit_code, json.loads(done.stderr)["error"]


def test_an_error_is_an_object_with_code_and_message(tmp_path: Path) -> None:
    status, error = asked("audit", "--json", "--data", str(tmp_path / "nowhere"))
    assert (status, error["code"]) == (1, "failed")
    assert "There is no Pumpkin" in error["message"]
    assert asked("audit", "--json", "--no-such-option")[1]["code"] == "usage"
    assert asked("audit", "--json", "--no-such-option")[0] == 2


def test_answers_and_sentences_are_as_before(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["config", "check", "--json", "--data", str(tmp_path)])
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"ok": True})
    done = CliRunner().invoke(cli, ["audit", "--data", str(tmp_path / "nowhere")])
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: There is no Pumpkin")


def leaves(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name, one in command.commands.items():
            yield from leaves(one, f"{path} {name}".strip())
    else:
        yield path, command


def test_every_command_that_answers_answers_in_json_too(tmp_path: Path) -> None:
    context = click.Context(cli)
    found = {name: cli.get_command(context, name) for name in COMMANDS}
    without = {
        path
        for name, command in found.items()
        if command is not None
        for path, leaf in leaves(command, name)
        if not any("--json" in option.opts for option in leaf.params)
    }
    assert without == {"run", "worker", "sandbox shell"}  # which serve, until they are ended
    report = tmp_path / "report.json"
    report.write_text(CliRunner().invoke(cli, ["scan", str(tmp_path), "--json"]).stdout)
    said = CliRunner().invoke(cli, ["explain", str(report)]).stdout.splitlines()
    assert json.loads(CliRunner().invoke(cli, ["explain", str(report), "--json"]).stdout) == {"lines": said}
    assert asked("rules", "remove", "none", "--json", "--data", str(tmp_path))[1]["message"] == "There is no such pack."


def test_an_answer_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        words = [str(PUMPKIN), "config", "show", "--json", "--data", str(tmp_path)]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, "Error: The answer cannot be written: No space left on device.\n")
