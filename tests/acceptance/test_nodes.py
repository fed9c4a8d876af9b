"""Two nodes and a worker on one PostgreSQL: whoever leads may be killed under load, and the log stays one."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from pumpkin.evidence import checkpoint, merkle
from pumpkin.evidence.checkpoint import VerifierKey
from tests.acceptance.dialects import LaterClient
from tests.acceptance.index import Index
from tests.acceptance.product import PUMPKIN, Product

CLIENTS = int(os.environ.get("PUMPKIN_NODE_CLIENTS", "2"))
LOAD_S = float(os.environ.get("PUMPKIN_NODE_LOAD", "1.5"))  # before the kill, and after the other leads
SETTINGS = """database = {dsn}
[packages]
here = false
[registries]
osv = ""
[sandbox]
enabled = false
"""


class Hands:
    """A `pumpkin worker`."""

    def __init__(self, folder: Path, dsn: str, index: Index) -> None:
        self.lines: list[str] = []
        environment = {**os.environ, "NO_COLOR": "1", "PIP_INDEX_URL": index.url, "PUMPKIN_REGISTRIES__OSV": ""}
        self.process = subprocess.Popen(
            [str(PUMPKIN), "worker", "--database", dsn, "--data", str(folder), "--slots", "1"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**environment, "PUMPKIN_SANDBOX__ENABLED": "false"},
        )  # fmt: skip
        self.ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self.ready.wait(40), "\n".join(self.lines)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as out:
            for line in out:
                self.lines.append(line.rstrip())
                if line.startswith("ready "):
                    self.ready.set()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)
        self._reader.join()


@pytest.fixture
def shared(postgres: EmbeddedPostgres) -> str:
    """The address of an empty database for all nodes."""
    name = f"nodes_{uuid.uuid4().hex[:8]}"

    async def make() -> None:
        connection = await asyncpg.connect(postgres.dsn())
        await connection.execute(f"create database {name}")
        await connection.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, make()).result()
    return postgres.dsn(name)


@pytest.fixture
def index() -> Iterator[Index]:
    served = Index()
    yield served
    served.close()


def node(folder: Path, dsn: str, index: Index, first: Product | None = None) -> Product:
    """A server on that database; the second of an installation has the keys of the first."""
    folder.mkdir()
    (folder / "pumpkin.toml").write_text(SETTINGS.format(dsn=json.dumps(dsn)))
    for one in first.data.glob("*.*") if first else ():
        if one.name.startswith(("log-", "tsa-", "fleet-")):
            shutil.copy(one, folder)
    return Product(folder, environment={"PIP_INDEX_URL": index.url}).start()


def leads(product: Product) -> bool:
    """Whether that node says it leads."""
    said = [line for line in product.lines if "this node" in line and "leads" in line]
    return bool(said) and "no longer" not in said[-1]


class Crowd:
    """Clients that post checks to all nodes and remember what was acknowledged."""

    def __init__(self, nodes: list[Product], key: str) -> None:
        self.nodes, self.key = nodes, key
        self.stored: list[str] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._post, args=(number,)) for number in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _post(self, number: int) -> None:
        for turn in itertools.count(number):
            if self._over.is_set():
                return
            check = str(uuid.uuid4())
            body = {"version": "1", "format": "x", "meta": {"uuid": check, "ts": 1, "type": "load"}}
            try:
                status, _, _ = self.nodes[turn % len(self.nodes)].request(
                    "/items/", key=self.key, body={**body, "payload": {"raw": "aGVsbG8="}}
                )
            except OSError:
                continue
            if status == 200:
                self.stored.append(check)

    def end(self) -> list[str]:
        self._over.set()
        for thread in self._threads:
            thread.join()
        return self.stored


def head(product: Product) -> tuple[int, bytes]:
    """Size and root of the newest checkpoint, its signature checked."""
    status, _, note = product.request("/log/checkpoint")
    if status != 200:
        return 0, b""
    key = VerifierKey.parse((product.data / "log-key.vkey").read_text().strip())
    found = checkpoint.open_note(note.decode(), key)
    return found.size, found.root


def test_the_sealing_node_is_killed_under_load_and_the_log_stays_one(tmp_path: Path, shared: str, index: Index) -> None:
    first = node(tmp_path / "first", shared, index)
    second = node(tmp_path / "second", shared, index, first)
    hands: list[Hands] = []
    try:
        assert (leads(first), leads(second)) == (True, False)
        key = first.key("checks:write", "checks:read", "packages:write", "packages:read")
        crowd = Crowd([first, second], key)
        time.sleep(LOAD_S)
        before = head(second)
        assert before[0]
        at_kill = len(crowd.stored)
        first.kill()
        killed = time.monotonic()
        sealed = head(second)[0]
        while not leads(second) or head(second)[0] <= sealed:
            assert time.monotonic() < killed + 5, "nobody seals"
            time.sleep(0.01)
        took_s = time.monotonic() - killed
        time.sleep(LOAD_S)
        stored = crowd.end()
        assert len(stored) > at_kill
        second.until_stamped(stored[-1], key)
        sequence = [second.json(f"/api/v1/checks/{check}", key=key)["data"] for check in stored]
        assert {check["state"] for check in sequence} == {"stamped"}  # each is in the log, and proven
        assert len({check["seq"] for check in sequence}) == len(stored)
        size, root = head(second)
        assert size >= len(stored)
        path = second.json(f"/api/v1/log/consistency?from={before[0]}&to={size}")["data"]["path"]
        assert merkle.verify_consistency(before[0], size, before[1], root, [bytes.fromhex(one) for one in path])
        audited = json.loads(second.command("audit", "--json"))
        assert (audited["ok"], audited["faults"]) == (True, []), audited

        first.lines.clear()
        first.start()  # it comes back as the one that follows
        assert (leads(first), leads(second)) == (False, True)
        more = str(uuid.uuid4())
        body = {"version": "1", "format": "x", "meta": {"uuid": more, "ts": 1, "type": "load"}}
        first.json("/items/", key=key, body={**body, "payload": {"raw": "aGk="}})
        first.until_stamped(more, key)

        hands.append(Hands(tmp_path / "worker", shared, index))
        index.slow_s = 1.0
        client = LaterClient(first.url, key)
        task = client.submit("pkg:pypi/known-nodes@1.0")[1]["data"]["task_id"]
        until(second, key, task, "running")
        hands[0].process.send_signal(signal.SIGTERM)  # what it analyses goes back at once
        assert hands[0].process.wait(20) == 0
        index.slow_s = 0.0
        hands.append(Hands(tmp_path / "other", shared, index))
        done = until(second, key, task, "completed")
        assert done["attempt"] == 2
        check = done["verdict"]["check"]
        deadline = time.monotonic() + 10  # the worker's report is entered by a server, soon after it heard of it
        while second.request(f"/api/v1/checks/{check}", key=key)[0] == 404:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        second.until_stamped(check, key)
        print(f"{len(stored)} checks acknowledged, {at_kill} before the kill; the other node sealed after "
              f"{took_s:.2f} s; log of {size}, audit {audited['records']} records without a fault")  # fmt: skip
    finally:
        for one in (*hands, first, second):
            one.kill()


def until(product: Product, key: str, task: int, status: str) -> dict[str, Any]:
    """The task once it is in that state."""
    deadline = time.monotonic() + 30
    while True:
        found: dict[str, Any] = product.json(f"/api/v1/task/{task}/", key=key)["data"]
        if found["status"] == status:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
