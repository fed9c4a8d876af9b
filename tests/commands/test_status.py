"""With which status a start ends: a service manager tries it anew where that may help, and only there."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from pathlib import Path

import asyncpg
import pytest

from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from pumpkin.commands.place import REFUSED
from tests.acceptance.product import PUMPKIN, ROOT


def started(data: Path, *more: str, what: str = "run") -> tuple[int, str]:
    """The status a start ends with, and what it says."""
    done = subprocess.run(
        [str(PUMPKIN), what, "--data", str(data), *more], capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("what", ["run", "worker"])
def test_wrong_settings_are_not_tried_again(tmp_path: Path, what: str) -> None:
    (tmp_path / "pumpkin.toml").write_text("lisen = '127.0.0.1:0'\n")
    status, said = started(tmp_path, what=what)
    assert (status, "lisen" in said) == (REFUSED, True), said


def test_data_of_a_newer_version_are_not_tried_again(tmp_path: Path, postgres: EmbeddedPostgres) -> None:
    async def on_server(name: str, *statements: str) -> None:
        connection = await asyncpg.connect(postgres.dsn(name))
        for one in statements:
            await connection.execute(one)
        await connection.close()

    asyncio.run(on_server("postgres", "create database later_one"))
    try:
        made = "create table migrations (number int primary key, name text, digest bytea, at timestamptz default now())"
        asyncio.run(on_server("later_one", made, "insert into migrations values (9999, 'later', '\\x00')"))
        status, said = started(tmp_path, "--listen", "127.0.0.1:0", "--database", postgres.dsn("later_one"))
        assert (status, "newer Pumpkin" in said) == (REFUSED, True), said
    finally:
        asyncio.run(on_server("postgres", "drop database later_one with (force)"))


def test_a_port_in_use_may_be_free_in_a_minute(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        status, said = started(tmp_path, "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert (status, "cannot listen" in said) == (1, True), said


def test_the_unit_holds_to_it() -> None:
    lines = (ROOT / "docs" / "deploy" / "pumpkin.service").read_text().splitlines()
    (never,) = (line.partition("=")[2].split() for line in lines if line.startswith("RestartPreventExitStatus="))
    assert str(REFUSED) in never
