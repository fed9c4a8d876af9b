"""From a probe's result to a proof that stands without Pumpkin."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
import uuid
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.acceptance.product import PUMPKIN, Product


def post_check(product: Product, key: str, text: str = "200 OK") -> str:
    made = product.json("/api/v1/checks", key=key, body={"type": "http", "format": "text", "payload": {"text": text}})
    identifier: str = made["data"]["id"]
    return identifier


def bundle_of(product: Product, check: str, key: str, place: Path) -> Path:
    status, _, content = product.request(f"/api/v1/checks/{check}/bundle", key=key)
    assert status == 200
    place.write_bytes(content)
    return place


def trust(product: Product) -> list[str]:
    return ["--root", product.facts["tsa_root"], "--log-key", product.facts["log_key"]]


def verify(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(PUMPKIN), "verify", *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_the_demonstration_probe_is_stored_stamped_and_visible(product: Product) -> None:
    key = product.key("checks:read", "agents:read")
    deadline = time.monotonic() + 45
    while not (items := product.json("/api/v1/checks", key=key)["data"]["items"]):
        assert time.monotonic() < deadline, "the demonstration probe delivered nothing"
        time.sleep(0.5)
    check = product.until_stamped(items[-1]["id"], key)
    assert "@" in check["agent"]
    assert check["stamps"][0]["self_asserted"] is True
    jids = {one["jid"]: one for one in product.json("/api/v1/agents", key=key)["data"]["items"]}
    assert jids[check["agent"]]["presence"]["show"] == "available"


def test_a_checks_time_is_bound_from_both_sides(product: Product, tmp_path: Path) -> None:
    key = product.key("checks:write", "checks:read")
    first = product.until_stamped(post_check(product, key), key)
    before = first["stamps"][0]["gen_time"]
    product.until_stamped(post_check(product, key, "its checkpoint names the first one's token"), key)
    check = product.until_stamped(post_check(product, key, "so this is later"), key)
    assert check["not_before"] < check["not_after"]
    proof = product.json(f"/api/v1/checks/{check['id']}/proof", key=key)["data"]
    assert (proof["not_before"], proof["not_after"]) == (check["not_before"], check["not_after"])
    bundle = bundle_of(product, check["id"], key, tmp_path / "two-sided.zip")
    answer = json.loads(verify(str(bundle), *trust(product), "--json").stdout)
    assert answer["ok"], answer
    assert datetime.fromisoformat(answer["not_before"]) == datetime.fromisoformat(check["not_before"])
    assert datetime.fromisoformat(answer["not_before"]) >= datetime.fromisoformat(before) - timedelta(seconds=1)


def test_a_posted_check_is_proven_with_pumpkin_gone(tmp_path: Path) -> None:
    product = Product(tmp_path / "data").start()
    try:
        key = product.key("checks:write", "checks:read")
        check = post_check(product, key)
        product.until_stamped(check, key)
        bundle = bundle_of(product, check, key, tmp_path / "check.zip")
        root = shutil.copy(product.facts["tsa_root"], tmp_path / "root.pem")
        log_key = shutil.copy(product.facts["log_key"], tmp_path / "log.pem")
        assert product.stop() == 0
    finally:
        product.kill()
    (tmp_path / "data").rename(tmp_path / "moved-away")

    proven = verify(str(bundle), "--root", str(root), "--log-key", str(log_key), "--json")
    assert proven.returncode == 0, proven.stdout + proven.stderr
    answer = json.loads(proven.stdout)
    assert answer["ok"] is True
    assert answer["trust"] == {"root": True, "log_key": True}
    assert verify(str(bundle)).returncode == 3

    unpacked = tmp_path / "unpacked"
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(unpacked)
    plain = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
    by_hand = subprocess.run(
        ["bash", "verify.sh", str(root)], cwd=unpacked, env=plain, capture_output=True, text=True, check=False
    )
    assert by_hand.returncode == 0, by_hand.stdout + by_hand.stderr
    stranger = subprocess.run(
        ["bash", "verify.sh"], cwd=unpacked, env=plain, capture_output=True, text=True, check=False
    )
    assert stranger.returncode == 3

    token = next(unpacked.rglob("token.tsr"))
    openssl = subprocess.run(
        ["openssl", "ts", "-verify", "-in", token, "-data", token.with_name("anchor.bin"), "-CAfile", root],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Verification: OK" in openssl.stdout + openssl.stderr


def test_scandale_routes_take_and_give_back_an_item(product: Product) -> None:
    product.command("user", "add", "scandale", "--role", "writer", "--password", "correct horse battery")
    item = {
        "version": "1",
        "format": "scandale",
        "meta": {"uuid": str(uuid.uuid4()), "ts": 1700000000, "type": "probe"},
        "payload": {"raw": base64.b64encode(b"pong").decode()},
    }
    basic = base64.b64encode(b"scandale:correct horse battery").decode()
    import urllib.request

    request = urllib.request.Request(
        f"{product.url}/items/",
        data=json.dumps(item).encode(),
        headers={"Authorization": f"Basic {basic}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        stored = json.load(answer)
    assert stored["scan_data"]["meta"]["uuid"] == item["meta"]["uuid"]
    assert product.json(f"/items/{stored['id']}")["scan_data"]["payload"] == item["payload"]
    assert product.request("/items/", body=item)[0] == 401
    deadline = time.monotonic() + 10
    while product.request(f"/TimeStampTokens/check/{item['meta']['uuid']}")[0] != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert product.json(f"/TimeStampTokens/check/{item['meta']['uuid']}")["validity"] is True


def test_stopping_and_starting_again_keeps_everything(tmp_path: Path) -> None:
    product = Product(tmp_path / "data").start()
    try:
        key = product.key("checks:write", "checks:read")
        check = post_check(product, key)
        assert product.stop() == 0
        product.start()
        again = product.until_stamped(check, key)
        assert again["payload"]["text"] == "200 OK"
    finally:
        product.kill()


def test_the_first_password_is_told_anew_until_it_was_used(tmp_path: Path) -> None:
    """A first start may fail at a later part, and the line be lost with it."""

    def told(product: Product) -> list[str]:
        return [line.rpartition(" ")[2] for line in product.lines if line.startswith("First login: admin")]

    folder = tmp_path / "data"
    first = Product(folder, demo=False).start()
    first.kill()
    product = Product(folder, demo=False).start()
    (lost,), (password,) = told(first), told(product)
    assert lost != password
    product.command("user", "password", "admin", "--password", "chosen-by-a-person")
    (admin,) = json.loads(product.command("user", "list", "--json"))
    assert (admin["name"], admin["role"], admin["must_change"]) == ("admin", "admin", False)
    product.stop()
    product = Product(folder, demo=False).start()
    try:
        assert told(product) == []
    finally:
        product.stop()


def test_a_second_start_says_so_in_one_sentence(product: Product, tmp_path: Path) -> None:
    same_folder = subprocess.run(
        [str(PUMPKIN), "run", "--data", str(product.data), "--listen", "127.0.0.1:0"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert same_folder.returncode != 0
    assert len(same_folder.stderr.strip().splitlines()) == 1
    assert str(product.data) in same_folder.stderr
    port = product.url.rpartition(":")[2]
    same_port = subprocess.run(
        [str(PUMPKIN), "run", "--data", str(tmp_path), "--listen", f"127.0.0.1:{port}", "--xmpp-port", "0"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert same_port.returncode != 0
    assert len(same_port.stderr.strip().splitlines()) == 1
    assert port in same_port.stderr


@pytest.mark.timeout(300)
def test_kill_nine_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """Three rounds here; PUMPKIN_KILLS sets more (scripts/accept runs thirty)."""
    import random
    import threading

    rounds = int(os.environ.get("PUMPKIN_KILLS", "3"))
    product = Product(tmp_path / "data").start()
    acknowledged: list[str] = []
    going = threading.Event()
    going.set()
    try:
        key = product.key("checks:write", "checks:read")

        def client() -> None:
            while going.is_set():
                identifier = str(uuid.uuid4())
                body = {"id": identifier, "type": "load", "format": "text", "payload": {"text": identifier}}
                while going.is_set():
                    try:
                        status = product.request("/api/v1/checks", key=key, body=body)[0]
                    except OSError:
                        time.sleep(0.05)
                        continue
                    if status in {200, 201}:
                        acknowledged.append(identifier)
                        break
                    time.sleep(0.05)

        clients = [threading.Thread(target=client) for _ in range(8)]
        for one in clients:
            one.start()
        for _ in range(rounds):
            time.sleep(random.uniform(0.2, 1.5))
            product.kill()
            product.start()
        time.sleep(0.5)
        going.clear()
        for one in clients:
            one.join(30)
        assert len(acknowledged) > 20
        last = time.monotonic()
        for identifier in acknowledged:
            product.until_stamped(identifier, key, within_s=max(0.1, 10 - (time.monotonic() - last)) + 5)
        stored = {item["id"] for item in pages(product, key)}
        assert set(acknowledged) <= stored
        audit = json.loads(product.command("audit", "--json"))
        assert audit["ok"] is True
        assert audit["records"] >= len(acknowledged)
        print(f"{rounds} kills, {len(acknowledged)} acknowledged, all there and stamped")
    finally:
        going.clear()
        product.kill()


def pages(product: Product, key: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    cursor = ""
    while True:
        data = product.json(f"/api/v1/checks?limit=500{cursor}", key=key)["data"]
        found += data["items"]
        if not data["next"]:
            return found
        cursor = f"&cursor={data['next']}"
