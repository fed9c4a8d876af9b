"""With --json an error is JSON too, and the exit status stays what it was."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from pumpkin.__main__ import cli


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
