"""`pumpkin doctor` on a folder that rests, on one that serves, and on what is wrong."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import closing
from pathlib import Path

from click.testing import CliRunner

from pumpkin.__main__ import cli
from pumpkin.store import authorities
from pumpkin.store.database import Database
from tests.acceptance.product import Product


def look(*arguments: str) -> tuple[int, dict[str, tuple[str, str]]]:
    done = CliRunner().invoke(cli, ["doctor", "--json", *arguments])
    return done.exit_code, {one["part"]: (one["state"], one["text"]) for one in json.loads(done.output)}


def test_what_is_wrong_is_named_with_what_to_do(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "pumpkin.toml").write_text(f"listen = '127.0.0.1:{port}'\n[xmpp]\nport = 0\n")
        status, found = look("--data", str(tmp_path))
    assert status == 1
    assert found["listen"] == (
        "trouble",
        f"127.0.0.1 port {port}: Address already in use; set another or end what has it",
    )
    (tmp_path / "log-key.secret.pem").touch(0o644)
    (tmp_path / "pumpkin.toml").write_text(f"listen = '127.0.0.1:{port}'\n[xmpp]\nport = 0\n")
    status, found = look("--data", str(tmp_path))
    assert (status, found["listen"][0]) == (1, "ok")
    assert "chmod 600" in found["keys"][1]
    (tmp_path / "pumpkin.toml").write_text("quorum = 'many'")
    assert look("--data", str(tmp_path))[1]["settings"][0] == "trouble"


def test_a_server_that_serves_is_well(tmp_path: Path) -> None:
    product = Product(tmp_path / "data", demo=False).start()
    try:
        status, found = look("--data", str(product.data))
        assert (status, found["server"]) == (0, ("ok", f"runs at {product.url}"))
        assert found["log"] == ("ok", "0 checks stored, 0 sealed, 0 stamped")
    finally:
        product.kill()
    assert look("--data", str(product.data))[1]["server"][0] == "trouble"


async def doctor(dsn: str, folder: Path, settings: str = "") -> dict[str, tuple[str, str]]:
    """What it finds of a database by itself and a folder with these settings; it must end with 1."""
    (folder / "pumpkin.toml").write_text(f"database = '{dsn}'\nlisten = '127.0.0.1:0'\n{settings}\n[xmpp]\nport = 0\n")
    status, found = await asyncio.to_thread(look, "--data", str(folder))
    assert status == 1
    return found


async def test_dead_authorities_and_a_wrong_clock_are_said(dsn: str, database: Database, tmp_path: Path) -> None:
    dead = {"last_error": "tsa_unreachable", "detail": "connection refused"}
    await authorities.keep_states(database, {"dead": dead, "far": {"offset_s": -90.0}, "well": {"offset_s": 0.1}})
    found = await doctor(dsn, tmp_path)
    assert found["authority dead"][0] == found["authority far"][0] == "trouble"
    assert "tsa_unreachable: connection refused; nothing is lost" in found["authority dead"][1]
    assert found["authority far"][1] == "this machine's clock is 90 s ahead of its; run an NTP client"
    assert found["authority well"][0] == "ok"


async def test_a_full_disk_open_keys_and_a_newer_schema_are_said(dsn: str, database: Database, tmp_path: Path) -> None:
    (tmp_path / "log-vault.secret.key").touch(0o644)
    async with database.writer() as connection:
        await connection.execute("insert into migrations (number, name, digest) values (9999, 'later', 'x')")
    found = await doctor(dsn, tmp_path, "upkeep.reserve = 1000000000")
    assert "no check is taken" in found["disk"][1]
    assert "chmod 600" in found["keys"][1]
    assert found["database"] == (
        "trouble",
        "The database was made by a newer Pumpkin; install that version, or a newer one.",
    )
