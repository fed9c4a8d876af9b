"""Packages through the real program: whole conversations of both dialects, kills, two processes, the command line."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from tests.acceptance.dialects import LaterClient, OldClient, call
from tests.acceptance.index import EVIL, Index, wheel
from tests.acceptance.product import Product

KILLS = int(os.environ.get("PUMPKIN_PACKAGE_KILLS", "1"))
PROCESSES = int(os.environ.get("PUMPKIN_PACKAGE_PROCESSES", "2"))
SCOPES = ("packages:read", "packages:write")
ANY_PORTS = ("--listen", "127.0.0.1:0", "--xmpp-port", "0")  # another program may take a port while none runs here


@pytest.fixture(scope="module")
def index() -> Iterator[Index]:
    served = Index()
    yield served
    served.close()


def environment(index: Index, **more: str) -> dict[str, str]:
    """Static tools only, from this index."""
    return {"PIP_INDEX_URL": index.url, "PUMPKIN_SANDBOX__ENABLED": "false", **more}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory, index: Index) -> Iterator[Product]:
    running = Product(tmp_path_factory.mktemp("packages"), environment=environment(index)).start()
    yield running
    running.kill()


def test_a_client_of_the_old_dialect_has_its_conversation(packages: Product) -> None:
    client = OldClient(packages.url, packages.key(*SCOPES))
    submitted = client.analyze("pkg:pypi/known-old@1.0", priority=3)
    assert submitted["status"] == "queued"
    assert isinstance(submitted["task_id"], int)
    assert submitted["queue_position"] >= 1
    task = client.wait(submitted)
    assert task["status"] == "completed", task
    assert (task["ecosystem"], task["package_name"], task["package_version"]) == ("pypi", "known-old", "1.0")
    assert task["expected_download_url"] == submitted["result_url"] == task["download_url"]
    document = client.report(task)
    assert document["metadata"]["package"]["purl"] == "pkg:pypi/known-old@1.0"
    assert document["analysis_results"]["install"]["num_files"] == 0
    cached = client.analyze("pkg:pypi/Known_Old@1.0")
    assert cached["task_id"] == task["task_id"]
    assert cached["message"] == "Analysis already exists (cached result)"
    assert cached["report_metadata"]["size_bytes"] == task["report_metadata"]["size_bytes"]
    assert client.report(cached) == document
    with pytest.raises(RuntimeError, match="Invalid PURL format: PURL must be a valid package URL starting with pkg:"):
        client.analyze("not-a-purl")
    with pytest.raises(RuntimeError, match="Missing PURL: PURL parameter is required"):
        client.analyze("")
    with pytest.raises(RuntimeError, match="Invalid API key: The provided API key is invalid or inactive"):
        OldClient(packages.url, "pk_wrong").analyze("pkg:pypi/known@1.0")
    _, _, everything = call(f"{packages.url}/get_all_report/", {})
    number = next(key for key, one in everything.items() if one["package_name"] == "known-old")
    _, _, old = call(f"{packages.url}/get_report/{number}/", {})
    assert old["report_data"] == document
    missing = client.wait(client.analyze("pkg:pypi/nobody@1.0"))
    assert (missing["status"], missing["outcome"], missing["error_category"]) == (
        "failed", "not_found", "analysis_error",
    )  # fmt: skip


def test_a_client_of_the_later_dialect_has_its_conversation(packages: Product) -> None:
    client = LaterClient(packages.url, packages.key(*SCOPES))
    status, body = client.submit("pkg:pypi/evil-later", key="first")
    assert (status, body["success"], body["data"]["status"]) == (202, True, "queued")
    task_id = body["data"]["task_id"]
    deadline = time.monotonic() + 30
    while True:
        status, shown = client.get(f"/api/v1/task/{task_id}/", key=False)
        assert status == 200
        if shown["data"]["status"] in ("completed", "failed"):
            break
        assert time.monotonic() < deadline
        status, place = client.get(f"/api/v1/task/{task_id}/queue/")
        assert place["data"]["queue_position"] in (None, 0, 1, 2)
        time.sleep(0.05)
    task = shown["data"]
    assert (task["package_version"], task["outcome"]) == ("2.0", "malicious")
    status, replayed = client.submit("pkg:pypi/evil-later", key="first")
    assert (status, replayed["data"]["task_id"], replayed["data"]["message"]) == (200, task_id, "Idempotent replay")
    status, reused = client.submit("pkg:pypi/known@1.0", key="first")
    assert (status, reused["code"]) == (409, "idempotency_key_reused")
    status, cached = client.submit("pkg:pypi/evil-later@2.0")
    assert (status, cached["status"], cached["data"]["status"]) == (200, "completed", "completed")
    status, listed = client.get("/api/v1/reports?page=1&page_size=5")
    assert [item["task_id"] for item in listed["data"]["items"]] == [task_id]
    assert listed["data"]["total"] == 1
    status, queue = client.get("/api/v1/queue/status", key=False)
    assert queue["data"].keys() >= {"queue_length", "running_tasks", "queued_tasks"}
    status, timeouts = client.get("/api/v1/timeout/status", key=False)
    assert timeouts["data"]["timed_out_tasks"] == 0
    for path, wanted, code in (
        ("/api/v1/task/999999/", 404, "task_not_found"),
        ("/api/v1/reports/?page=0", 400, "invalid_pagination"),
        ("/media/reports/pypi/known/9.9.json", 404, "report_not_found"),
        ("/api/v1/analyze/", 405, "method_not_allowed"),
    ):
        status, refused = client.get(path)
        assert (status, refused["code"], refused["success"]) == (wanted, code, False)
        assert refused["error"]
        assert refused["request_id"]


MEDIA = "application/vnd.pypi.simple.v1+json"


def _page(name: str, url: str, **more: Any) -> tuple[int, str, bytes]:
    """A project's page with one file of version 1.0."""
    file = {"filename": f"{name.replace('-', '_')}-1.0-py3-none-any.whl", "url": url, **more}
    body = {"meta": {"api-version": "1.1"}, "name": name, "versions": ["1.0"], "files": [file]}
    return 200, MEDIA, json.dumps(body).encode()


def test_whatever_a_registry_does_a_task_ends_and_says_why(packages: Product, index: Index) -> None:
    base = index.url.removesuffix("/simple")
    digest = {"hashes": {"sha256": "00" * 32}}
    index.instead |= {
        "/simple/known-down/": (503, "text/plain", b"no"),
        "/simple/known-noise/": (200, MEDIA, b"\x00" * 1_000),
        "/simple/known-other/": _page("known", f"{base}/files/known-1.0-py3-none-any.whl", **digest),
        "/simple/known-lies/": _page("known-lies", f"{base}/files/known_lies-1.0-py3-none-any.whl", **digest),
        "/simple/known-size/": _page("known-size", f"{base}/files/known_size-1.0-py3-none-any.whl", size=5),
        "/simple/known-private/": _page("known-private", "https://169.254.169.254/known-1.0-py3-none-any.whl"),
        "/simple/known-local/": _page("known-local", "http://127.0.0.1:22/known-1.0-py3-none-any.whl"),
        "/simple/known-file/": _page("known-file", "file:///etc/passwd"),
        "/simple/known-led/": (302, "http://[::1]:1/simple/known/", b""),
        "/simple/known-round/": (302, "/simple/known-round/", b""),
    }
    names = [path.split("/")[2] for path in index.instead]
    client = LaterClient(packages.url, packages.key(*SCOPES))
    try:
        submitted = {name: client.submit(f"pkg:pypi/{name}@1.0")[1]["data"] for name in names}
        told = {}
        for name, data in submitted.items():
            task = OldClient(packages.url, "").wait(data, 60)
            assert (task["status"], task["error_category"]) == ("failed", "analysis_error"), (name, task)
            assert task["outcome"] in ("incomplete", "not_found"), (name, task)
            assert task["error_message"]
            assert not any(secret in task["error_message"] for secret in ("Traceback", "Error(", str(packages.data)))
            told[name] = task["error_message"]
        assert "/etc/passwd" not in str(told)
        status, refused = client.submit("pkg:pypi/known-down")
        assert (status, refused["code"]) == (502, "registry_unavailable")
        assert client.get("/api/v1/queue/status/")[1]["data"]["queue_length"] == 0
        assert client.submit("pkg:pypi/known-afterwards@1.0")[0] == 202
    finally:
        index.instead.clear()


def test_a_report_is_proven_offline(packages: Product, tmp_path: Path) -> None:
    key = packages.key(*SCOPES, "checks:read")
    client = OldClient(packages.url, key)
    task = client.wait(client.analyze("pkg:pypi/known-proof@1.0"))
    check = task["proof_url"].split("/")[-2]
    deadline = time.monotonic() + 10
    while packages.request(f"/api/v1/checks/{check}", key=key)[0] != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    packages.until_stamped(check, key)
    _, _, bundle = packages.request(f"/api/v1/checks/{check}/bundle", key=key)
    (tmp_path / "report.zip").write_bytes(bundle)
    said = json.loads(packages.command("verify", str(tmp_path / "report.zip"), "--json", status=None))
    assert said["code"] in ("ok", "no_root", "trust", "consistent") or said["claims"], said


def test_the_command_line_is_a_gate(packages: Product, tmp_path: Path) -> None:
    clean = json.loads(packages.command("analyze", "pkg:pypi/known-cli@1.0", "--json"))
    assert clean["outcome"] == "clean"
    assert clean.keys() >= {"outcome", "score", "findings", "not_checked", "artifact", "rules"}
    evil = json.loads(packages.command("analyze", "pkg:pypi/evil-cli", "--format", "json", status=1))
    assert (evil["outcome"], evil["purl"]) == ("malicious", "pkg:pypi/evil-cli@2.0")
    (tmp_path / "requirements.txt").write_text("known-cli==1.0\nevil-cli==2.0\n-e .\n")
    table = packages.command("analyze", str(tmp_path / "requirements.txt"), status=1)
    assert "pkg:pypi/known-cli@1.0: clean" in table
    assert "pkg:pypi/evil-cli@2.0: malicious" in table
    (tmp_path / "evil_thing-1.0-py3-none-any.whl").write_bytes(wheel("evil_thing", "1.0", EVIL))
    log = json.loads(
        packages.command("analyze", str(tmp_path / "evil_thing-1.0-py3-none-any.whl"), "--format", "sarif", status=1)
    )
    assert log["version"] == "2.1.0"
    assert log["runs"][0]["results"]
    (tmp_path / "broken-1.0-py3-none-any.whl").write_bytes(wheel("broken", "1.0")[:200])
    both = (str(tmp_path / "broken-1.0-py3-none-any.whl"), "pkg:pypi/evil-cli")
    packages.command("analyze", *both, status=1)  # what was found weighs more than what could not be looked at
    broken, _ = json.loads(packages.command("analyze", *both, "--json", "--fail-on", "never", status=3))["packages"]
    assert broken["outcome"] == "incomplete"
    packages.command("analyze", "pkg:pypi/nobody@1.0", "pkg:pypi/..%2Fx@1", status=4)
    packages.command("analyze", str(tmp_path / "nothing.whl"), status=4)
    assert "status_url" not in packages.command("analyze", "pkg:pypi/known-cli@1.0", "--no-wait")


def test_the_hourly_limit_is_exact_over_processes(
    packages: Product, index: Index, tmp_path_factory: pytest.TempPathFactory
) -> None:
    dsn = EmbeddedPostgres(packages.data).running_dsn()
    assert dsn is not None
    more = [
        Product(
            _node_of(packages, tmp_path_factory.mktemp("more")),
            options=("--database", dsn, "--xmpp-listen", "127.0.0.1"),
            environment=environment(index),
        )
        for _ in range(PROCESSES - 1)
    ]
    try:
        urls = [packages.url, *(product.start().url for product in more)]
        key = json.loads(packages.command("key", "add", "--name", "limit", "--rate", "100", "--json"))["key"]

        def ask(number: int) -> int:
            return call(f"{urls[number % len(urls)]}/api/v1/reports/", {"Authorization": f"Bearer {key}"})[0]

        with ThreadPoolExecutor(16) as pool:
            answers = Counter(pool.map(ask, range(60 * len(urls) + 80)))
        assert answers[200] == 100, answers
        assert set(answers) == {200, 429}
    finally:
        for product in more:
            product.kill()


def _node_of(first: Product, folder: Path) -> Path:
    """A data folder for another node of the same installation: its keys, and no database of its own."""
    for one in first.data.iterdir():
        if one.is_file() and one.suffix in (".pem", ".key", ".vkey", ".txt"):
            shutil.copy(one, folder)
    return folder


class Ear:
    """A receiver of webhooks; it counts what it was told, by task."""

    def __init__(self) -> None:
        self.told: Counter[int] = Counter()
        ear = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                ear.told[json.loads(self.rfile.read(int(self.headers["Content-Length"])))["task_id"]] += 1
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_tasks_end_by_themselves_however_often_the_server_is_killed(
    tmp_path_factory: pytest.TempPathFactory, index: Index
) -> None:
    ear = Ear()
    product = Product(
        tmp_path_factory.mktemp("killed"),
        options=ANY_PORTS,
        environment=environment(index, PUMPKIN_PACKAGES__SLOTS="2", PUMPKIN_PACKAGES__WEBHOOKS=json.dumps([ear.url])),
    )
    chance = random.Random(5)
    index.slow_s = 0.05
    begun = time.monotonic()
    try:
        product.start()
        made = json.loads(product.command("key", "add", "--name", "killed", "--rate", "1000000", "--json"))
        client = LaterClient(product.url, made["key"])
        submitted: dict[int, str] = {}
        for round_ in range(KILLS):
            stop = threading.Event()

            def load(round_: int = round_, stop: threading.Event = stop, client: LaterClient = client) -> None:
                for number in range(12):
                    if stop.is_set():
                        return
                    purl = f"pkg:pypi/known-{round_}-{number}@1.0"
                    more = {"priority": number % 4, "webhook_url": f"{ear.url}/ended"}
                    try:
                        status, body = client.submit(purl, key=f"{round_}-{number}", **more)
                    except (OSError, AssertionError, ValueError):
                        return
                    if status in (200, 202):
                        submitted[body["data"]["task_id"]] = purl

            thread = threading.Thread(target=load)
            thread.start()
            time.sleep(chance.uniform(0.02, 2.5 if KILLS > 5 else 0.8))
            product.kill()
            stop.set()
            thread.join()
            product.start()
            client = LaterClient(product.url, client.headers["Authorization"].removeprefix("Bearer "))
        deadline = time.monotonic() + 120 + 10 * KILLS
        while True:
            _, queue = client.get("/api/v1/queue/status/")
            if not queue["data"]["queue_length"] and not queue["data"]["running_tasks"]:
                break
            assert time.monotonic() < deadline, queue["data"]
            time.sleep(0.2)
        ended = {task_id: client.get(f"/api/v1/task/{task_id}/")[1]["data"] for task_id in submitted}
        assert submitted
        assert {task["status"] for task in ended.values()} == {"completed"}, Counter(
            (task["status"], task.get("error_message")) for task in ended.values()
        )
        _, _, reports = call(f"{product.url}/get_all_report/?page_size=1000", {})
        counted = Counter((one["package_name"], one["package_version"]) for one in reports.values())
        assert max(counted.values()) == 1
        assert {f"pkg:pypi/{name}@{version}" for name, version in counted} >= set(submitted.values())
        deadline = time.monotonic() + 90  # one that was under way at a kill is told again when its lease has lapsed
        while not submitted.keys() <= ear.told.keys():
            assert time.monotonic() < deadline, submitted.keys() - ear.told.keys()
            time.sleep(0.2)
        print(f"{KILLS} kills, {len(submitted)} acknowledged tasks, {len(counted)} reports, attempts "
              f"{dict(Counter(task['attempt'] for task in ended.values()))}, webhooks told "
              f"{dict(Counter(ear.told[task] for task in submitted))}, {time.monotonic() - begun:.0f} s")  # fmt: skip
    finally:
        index.slow_s = 0.0
        product.kill()
        ear.close()


def test_a_stopped_server_gives_its_tasks_back_and_a_private_registrys_are_their_owners(
    tmp_path_factory: pytest.TempPathFactory, index: Index
) -> None:
    with_password = index.url.replace("http://", "http://somebody:secret-of-pip@")
    product = Product(
        tmp_path_factory.mktemp("stopped"),
        options=ANY_PORTS,
        environment=environment(index, PIP_INDEX_URL=with_password),
    ).start()
    try:
        index.slow_s = 3.0
        client, other = (LaterClient(product.url, product.key(*SCOPES)) for _ in range(2))
        _, body = client.submit("pkg:pypi/known-stopped@1.0")
        mine = body["data"]
        assert f"/task/{mine['uuid']}/" in mine["status_url"]
        number = f"/api/v1/task/{mine['task_id']}/"
        assert [client.get(number, key=key)[0] for key in (True, False)] == [200, 404]
        assert other.get(number)[0] == 404
        _, body = other.submit("pkg:pypi/known-stopped@1.0")  # nobody is told that somebody else has it
        assert (body["data"]["message"], body["data"]["task_id"]) != ("Analysis already queued", mine["task_id"])
        shown = client.get("/api/v1/queue/status/", key=False)[1]["data"]
        assert {(one["task_id"], one["purl"]) for one in shown["running_tasks"] + shown["queued_tasks"]} == {
            (None, None)
        }
        time.sleep(0.3)
        assert product.process is not None
        product.process.send_signal(signal.SIGTERM)
        assert product.process.wait(20) == 0
        index.slow_s = 0.0
        product.start()
        keys = [one.headers["Authorization"].removeprefix("Bearer ") for one in (client, other)]
        task = OldClient(product.url, keys[0]).wait({"status_url": f"{product.url}/api/v1/task/{mine['uuid']}/"})
        assert (task["status"], task["attempt"]) == ("completed", 2)
        report = "/media/reports/pypi/known-stopped/1.0.json"
        later = LaterClient(product.url, keys[0])
        assert [later.get(report, key=key)[0] for key in (True, False)] == [200, 404]
        assert "secret-of-pip" not in json.dumps(later.get(report)[1])
        assert "secret-of-pip" not in "\n".join(product.lines)
    finally:
        index.slow_s = 0.0
        product.kill()
