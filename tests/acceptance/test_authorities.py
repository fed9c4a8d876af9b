"""Two of three authorities required: one dead, one lying, one right, in turn; nothing is lost, the alerts are right."""

from __future__ import annotations

import json
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.authorities import Tsa
from tests.acceptance.product import PUMPKIN, Product
from tests.acceptance.test_walk import bundle_of, post_check, verify

NAMES = ("one", "two", "three")


@pytest.fixture
def three() -> Iterator[dict[str, Tsa]]:
    found = {name: Tsa(name) for name in NAMES}
    yield found
    for tsa in found.values():
        tsa.close()


@pytest.fixture
def quorum(tmp_path: Path, three: dict[str, Tsa]) -> Iterator[Product]:
    data = tmp_path / "data"
    data.mkdir()
    lines = ["quorum = 2", "local_authority = false"]
    for name, tsa in three.items():
        lines += ["[[authorities]]", f'name = "{name}"', f'url = "{tsa.url}"', f'roots = ["{tsa.root(tmp_path)}"]']
        lines += ["retry_max = 1.0"]
    (data / "pumpkin.toml").write_text("\n".join(lines))
    product = Product(data).start()
    yield product
    product.kill()


def alerts(product: Product, key: str) -> set[tuple[str, str]]:
    stamping = product.json("/api/v1/authorities", key=key)["data"]["stamping"]
    return {(one["rule"], one["authority"]) for one in stamping["alerts"]}


def until(true: Callable[[], Any], what: str, within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def stamps(product: Product, check: str, key: str) -> set[str]:
    return {one["authority"] for one in product.json(f"/api/v1/checks/{check}", key=key)["data"]["stamps"]}


def names(product: Product, key: str) -> set[str]:
    return {one["name"] for one in product.json("/api/v1/authorities", key=key)["data"]["items"]}


def turned(quorum: Product, key: str, sent: list[str], dead: Tsa, lying: Tsa, right: Tsa) -> None:
    """One turn: with one authority of three it is too few and everybody is told; with two all is well again."""
    dead.mode, lying.mode = "dead", "lying"
    expected = {("authority.down", dead.name), ("authority.time", lying.name), ("quorum", "")}
    kept = sent[-1]
    for _ in range(3):
        sent.append(post_check(quorum, key))
        time.sleep(0.05)
    until(lambda: alerts(quorum, key) == expected, f"the alerts {expected}")
    until(lambda: stamps(quorum, sent[-1], key) == {right.name}, "the right one stamps all the same")
    state = quorum.json(f"/api/v1/checks/{sent[-1]}", key=key)["data"]["state"]
    assert state == "sealed", "one of three is too few"
    assert quorum.json(f"/api/v1/checks/{kept}", key=key)["data"]["state"] == "stamped"
    without_server = [str(PUMPKIN), "tsa", "status", "--data", str(quorum.data), "--json"]
    done = subprocess.run(without_server, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout
    assert {(one["rule"], one["authority"]) for one in json.loads(done.stdout)["alerts"]} == expected
    status, _, shown = quorum.request("/proofs", key=key)
    assert status == 200
    assert "tells another time than the others" in shown.decode()
    assert "Too few authorities are well" in shown.decode()
    lying.mode = "right"
    until(lambda: ("quorum", "") not in alerts(quorum, key), "two of three are enough")
    assert quorum.until_stamped(sent[-1], key)["state"] == "stamped"
    dead.mode = "right"
    until(lambda: alerts(quorum, key) == set(), "every alert is over")


def test_two_of_three_required_with_one_dead_one_lying_one_right_in_turn(
    quorum: Product, three: dict[str, Tsa], tmp_path: Path
) -> None:
    key = quorum.key("checks:write", "checks:read")
    sent = [post_check(quorum, key)]
    assert quorum.until_stamped(sent[0], key)["quorum"] == 2
    assert alerts(quorum, key) == set()
    for turn in range(3):
        turned(quorum, key, sent, *(three[NAMES[(turn + n) % 3]] for n in range(3)))
    for check in sent:
        until(lambda check=check: stamps(quorum, check, key) == set(NAMES), "each authority covers what it missed")
    place = bundle_of(quorum, sent[4], key, tmp_path / "check.zip")
    with zipfile.ZipFile(place) as archive:
        archive.extractall(tmp_path / "open")
    for name in NAMES:
        folder, root = tmp_path / "open" / "authorities" / name, tmp_path / f"{name}.pem"
        judged = subprocess.run(
            ["openssl", "ts", "-verify", "-in", "token.tsr", "-data", "anchor.bin", "-CAfile", str(root)],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Verification: OK" in judged.stdout, judged.stderr
        proven = verify(str(place), "--root", str(root), "--log-key", quorum.facts["log_key"])
        assert proven.returncode == 0, proven.stdout


def test_an_authority_is_added_to_and_removed_from_a_running_server(tmp_path: Path) -> None:
    product, tsa = Product(tmp_path / "data").start(), Tsa("late")
    try:
        key = product.key("checks:write", "checks:read")
        check = post_check(product, key)
        product.until_stamped(check, key)
        shown = product.command("tsa", "add", tsa.url, "--name", "late", "--yes")
        assert "SHA-256" in shown
        assert "To be pinned" in shown
        until(lambda: "late" in stamps(product, check, key), "its first token covers what was stored before")
        assert "late" in product.command("tsa", "list")
        assert "renewed by late" in product.command("renew", "--every")
        found = product.json(f"/api/v1/checks/{check}", key=key)["data"]
        assert (found["state"], found["renewals"][0]["authority"]) == ("renewed", "late")
        assert b"newer tokens stand over the older ones" in product.request(f"/checks/{check}", key=key)[2]
        place = bundle_of(product, check, key, tmp_path / "renewed.zip")
        roots = ["--root", product.facts["tsa_root"], "--root", str(tsa.root(tmp_path))]
        product.command("renew", str(place), "--tsa", tsa.url, *roots[2:])
        said = json.loads(verify(str(place), *roots, "--log-key", product.facts["log_key"], "--json").stdout)
        assert said["ok"], said
        assert len(said["checks"][0]["renewals"]) == 2, "one by the house, one by the holder"
        with zipfile.ZipFile(place) as archive:
            archive.extractall(tmp_path / "renewed")
        script = ["bash", "verify.sh", product.facts["tsa_root"]]
        plain = subprocess.run(script, cwd=tmp_path / "renewed", capture_output=True, text=True, check=False)
        assert plain.returncode == 0, plain.stdout + plain.stderr
        assert product.command("tsa", "remove", "late") == "late is asked no more.\n"
        until(lambda: "late" not in names(product, key), "it is let go")
        asked = tsa.asked
        product.until_stamped(post_check(product, key), key)
        assert tsa.asked == asked
    finally:
        product.kill()
        tsa.close()


def test_an_authority_that_gives_no_token_that_verifies_is_not_pinned(tmp_path: Path) -> None:
    product, tsa = Product(tmp_path / "data"), Tsa("odd")
    try:
        product.start()
        tsa.mode = "dead"
        product.command("tsa", "add", tsa.url, "--yes", status=1)
        assert json.loads(product.command("tsa", "list", "--json"))[-1]["name"] == "local"
    finally:
        product.kill()
        tsa.close()
