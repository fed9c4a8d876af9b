"""Whatever a command changes stands in the audit trail, with who did it."""

from __future__ import annotations

import asyncio
import getpass
import json
from pathlib import Path

import asyncpg
import pytest
from click.testing import CliRunner

from pumpkin.__main__ import COMMANDS, cli

RUN: tuple[tuple[str, str], ...] = (
    ("user add eve --role viewer --password correct-horse-battery", "person.added"),
    ("user password eve --once --password another-horse-battery", "password.changed"),
    ("user role eve operator", "person.role"),
    ("user remove eve", "person.removed"),
    ("agent add roof --password horse-battery-staple", "agent.add"),
    ("agent approve roof", "agent.approve"),
    ("agent invite", "agent.invite"),
    ("agent remove roof", "agent.remove"),
    ("watch add pkg:pypi/six", "watch.added"),
    ("watch remove 1", "watch.removed"),
    ("catalogue import pypi {names}", "catalogue.import"),
    ("key add --name ci", "key.added"),
    ("key rotate {prefix}", "key.rotated"),
    ("key revoke {rotated}", "key.revoked"),
    ("backup {backup} --passphrase-file {passphrase}", "backup"),
)


@pytest.mark.timeout(90)
async def test_every_act_of_the_command_line_is_noted(dsn: str, tmp_path: Path) -> None:
    (tmp_path / "names").write_text("requests\n")
    (tmp_path / "passphrase").write_text("some words\n")
    given = {name: str(tmp_path / name) for name in ("names", "passphrase", "backup")}
    runner = CliRunner(env={"PUMPKIN_DATABASE": dsn, "PUMPKIN_DATA": str(tmp_path / "data")})
    (tmp_path / "data").mkdir()
    for line, _ in RUN:
        words = [word.format(**given) if "{" in word else word for word in line.split()]
        done = await asyncio.to_thread(
            runner.invoke, cli, [*words, *(["--json"] if "watch remove" not in line else [])]
        )
        assert done.exit_code == 0, (line, done.output)
        if line.startswith(("key add", "key rotate")):
            given["rotated" if "rotate" in line else "prefix"] = json.loads(done.stdout)["prefix"]
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("select who, act, detail::text from audit order by n")
    await connection.close()
    assert [row["act"] for row in rows] == [act for _, act in RUN]
    assert {row["who"] for row in rows} == {f"shell:{getpass.getuser()}"}
    assert "horse" not in "".join(row["detail"] for row in rows), "a password is in the trail"


SEEN_ELSEWHERE = {
    "job": "commands/job.py notes what it assigns", "modules": "commands/modules.py", "triage": "store/triage.py",
    "rescore": "only scores anew", "erase": "a record of the log too", "rekey": "a record of the log too",
    "tsa": "needs an authority: test_authorities.py", "restore": "test_backup.py", "import": "test_importing.py",
    "run": "serves", "worker": "works", "probe": "elsewhere", "enroll": "elsewhere", "renew": "stamps",
    "audit": "reads",
    "scan": "reads", "explain": "reads", "rules": "reads", "names": "reads", "source": "reads", "purl": "reads",
    "verify": "reads", "analyze": "asks the server", "doctor": "reads", "config": "reads", "sandbox": "builds an image",
    "upgrade": "moves a cluster", "openapi": "reads", "version": "reads",
}  # fmt: skip


def test_no_command_was_forgotten() -> None:
    """A new command is either run above or says here why it leaves nothing in the trail."""
    assert {line.split()[0] for line, _ in RUN} | SEEN_ELSEWHERE.keys() == COMMANDS.keys()
