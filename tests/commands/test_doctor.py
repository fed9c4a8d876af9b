"""`pumpkin doctor` on a folder that rests, on one that serves, and on what is wrong."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from pathlib import Path

from click.testing import CliRunner

from pumpkin.__main__ import cli
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
