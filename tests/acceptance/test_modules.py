"""Modules in the real program: a third party's found by its entry point; a target that was down gets all, in order,
over kill -9 of the product; what it refused is retried by command."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.acceptance.product import PUMPKIN, Product, free_ports

CHECKS = int(os.environ.get("PUMPKIN_MODULE_CHECKS", "20"))
KILLS = int(os.environ.get("PUMPKIN_MODULE_KILLS", "1"))
SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
THIRD_PARTY = """
from pathlib import Path
from pydantic import Field
from pumpkin.adapters.modules import Module, Options


class ShelfOptions(Options):
    mark: str = Field("", description="Stands before each line.")


class Shelf(Module):
    Options = ShelfOptions
    batch = 10

    async def deliver(self, items):
        with Path(self.place.target).open("a") as file:
            file.write("".join(f"{self.options.mark}{one.seq} {one.topic}\\n" for one in items))
"""


class Receiver:
    """A webhook's receiver that can be away; it refuses for good what says so."""

    def __init__(self) -> None:
        self.port = free_ports(1)
        self.got: list[dict[str, Any]] = []
        self.refuse, self.slow_s = True, 0.0
        self._server: ThreadingHTTPServer | None = None

    def open(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                said = Webhook(SECRET).verify(body, {name.lower(): value for name, value in self.headers.items()})
                text = said["data"].get("payload", {}).get("text", "")
                time.sleep(receiver.slow_s)
                refused = receiver.refuse and text == "refuse me"
                if not refused:
                    receiver.got.append(said)
                self.send_response(422 if refused else 204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def texts(self) -> list[str]:
        """Payloads in the order they came first."""
        return list(dict.fromkeys(one["data"]["payload"]["text"] for one in self.got if one["topic"] == "check.stored"))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.close()


@pytest.fixture
def house(tmp_path: Path, receiver: Receiver) -> Iterator[Product]:
    """A product with a webhook to a receiver that is down, and a third party's module."""
    package = tmp_path / "site"
    (package / "shelf_module-1.0.dist-info").mkdir(parents=True)
    (package / "shelf_module.py").write_text(THIRD_PARTY)
    (package / "shelf_module-1.0.dist-info/METADATA").write_text(
        "Metadata-Version: 2.1\nName: shelf-module\nVersion: 1.0\n"
    )
    (package / "shelf_module-1.0.dist-info/entry_points.txt").write_text(
        "[pumpkin.modules]\nshelf = shelf_module:Shelf\n"
    )
    data = tmp_path / "data"
    data.mkdir()
    (data / "pumpkin.toml").write_text(
        f"""
        [sandbox]
        enabled = false
        [[modules]]
        name = "hook"
        kind = "webhook"
        target = "http://127.0.0.1:{receiver.port}/hook?token=hunter2"
        backoff_max = 0.5
        types = ["note"]
        options = {{ secret = "{SECRET}" }}
        [[modules]]
        name = "shelf"
        kind = "shelf"
        target = "{tmp_path / "shelf.txt"}"
        options = {{ mark = "> " }}
        [[modules]]
        name = "wrong"
        kind = "webhook"
        target = "http://127.0.0.1:9/hook"
        """
    )
    made = Product(data, environment={"PYTHONPATH": str(package)})
    yield made
    made.kill()


def until(done: Callable[[], Any], within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not done():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


def post(product: Product, key: str, *texts: str) -> None:
    lines = "".join(json.dumps({"type": "note", "payload": {"text": text}}) + "\n" for text in texts)
    answer = product.json("/api/v1/checks", key=key, body=lines.encode(), media="x-ndjson")
    assert answer["data"]["accepted"] == len(texts)


def test_a_target_that_was_down_gets_all_in_order_over_kills(
    house: Product, receiver: Receiver, tmp_path: Path
) -> None:
    house.start()
    key = house.key("checks:write", "checks:read", "modules:write")

    def hook() -> dict[str, Any]:
        found: dict[str, Any] = house.json("/api/v1/modules/hook", key=key)["data"]
        return found

    first = [f"n{number}" for number in range(CHECKS)]
    post(house, key, *first)
    until(lambda: hook()["attempt"] >= 2)
    assert (hook()["state"], hook()["delivered"], hook()["behind"]) == ("waiting", 0, CHECKS)
    assert "hunter2" not in json.dumps(hook())
    broken = house.json("/api/v1/modules/wrong", key=key)["data"]  # of no use, and in nobody's way
    assert (broken["state"], broken["delivered"]) == ("broken", 0)
    assert broken["last_error"] == "The option secret of the module wrong is missing."
    shelf = tmp_path / "shelf.txt"
    until(lambda: shelf.is_file() and len(shelf.read_text().splitlines()) == CHECKS)  # nobody waits for another
    assert shelf.read_text().splitlines()[0] == "> 0 check.stored"

    house.kill()
    receiver.slow_s = 0.02
    house.start()
    second = ["refuse me", *(f"n{number}" for number in range(CHECKS, 2 * CHECKS))]
    post(house, key, *second)
    receiver.open()
    for _ in range(KILLS):
        seen = len(receiver.got)
        until(lambda seen=seen: len(receiver.got) >= min(seen + 10, 2 * CHECKS))
        house.kill()  # in the middle of delivering
        house.start()
    until(lambda: len(receiver.texts) == 2 * CHECKS, 30 + CHECKS / 10)
    assert receiver.texts == [f"n{number}" for number in range(2 * CHECKS)]
    ids = {one["id"] for one in receiver.got}
    assert len(ids) == 2 * CHECKS, "what came twice came under its id"
    print(f"modules: {2 * CHECKS} checks, {KILLS + 1} kills, {len(receiver.got) - len(ids)} came twice, none was lost")
    until(lambda: hook()["behind"] == 0)
    assert (hook()["state"], hook()["dead"], hook()["last_error"]) == ("running", 1, None)

    (letter,) = json.loads(house.command("modules", "dead", "hook", "--json"))
    assert letter["reason"].startswith("HTTP status 422")
    receiver.refuse = False
    house.command("modules", "retry", "hook")
    until(lambda: "refuse me" in receiver.texts)
    until(lambda: hook()["dead"] == 0)
    tested = json.loads(_with_site(house, "modules", "test", "hook", "--json"))
    assert tested["ok"], tested
    assert receiver.got[-1]["topic"] == "module.test"
    shown = house.command("config", "show")
    assert "hunter2" not in shown
    assert SECRET not in shown
    assert "hunter2" not in "\n".join(house.lines)


def _with_site(product: Product, *arguments: str) -> str:
    """As `command`, with the third party's package in sight."""
    done = subprocess.run(
        [str(PUMPKIN), *arguments, "--data", str(product.data)],
        capture_output=True, text=True, timeout=60, check=False, env=product.environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
