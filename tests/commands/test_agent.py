"""What `pumpkin agent` refuses before anything is made."""

from __future__ import annotations

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


@pytest.mark.parametrize("command", ["line", "invite"])
def test_hours_that_are_no_number_are_a_wrong_use(tmp_path: Path, command: str) -> None:
    (tmp_path / "ready.json").write_text(json.dumps({"url": "http://127.0.0.1:8000"}))
    assert asked(command, "--hours", "nan", "--data", str(tmp_path))[0] == 2
