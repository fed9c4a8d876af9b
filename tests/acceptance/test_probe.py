"""`pumpkin probe -c FILE` as its users start it: SCANDALE's file unchanged, one-shot, failing, killed."""

from __future__ import annotations

import json
import subprocess
import time
import uuid
from pathlib import Path
from typing import Any

from tests.acceptance.product import PUMPKIN, ROOT, Product


def probe(product: Product, config: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([str(PUMPKIN), "probe", "-c", str(config), "--data", str(product.data)])


def wait_for(product: Product, key: str, kind: str, count: int = 1, within_s: float = 30.0) -> list[dict[str, Any]]:
    deadline = time.monotonic() + within_s
    while True:
        items: list[dict[str, Any]] = product.json(f"/api/v1/checks?type={kind}", key=key)["data"]["items"]
        if len(items) >= count:
            return items
        assert time.monotonic() < deadline, f"{len(items)} of {count} checks of type {kind}"
        time.sleep(0.1)


def until_cosigned(product: Product, key: str, within_s: float = 30.0) -> list[dict[str, Any]]:
    """Who has cosigned the log, once somebody has: a probe does so by itself."""
    deadline = time.monotonic() + within_s
    while True:
        found: list[dict[str, Any]] = product.json("/api/v1/log/witnesses", key=key)["data"]["items"]
        if found:
            return found
        assert time.monotonic() < deadline, "nobody has cosigned"
        time.sleep(0.2)


def test_scandales_example_file_works_as_it_is(product: Product) -> None:
    """The README's two commands."""
    product.command("agent", "add", "probe1", "--password", "secret")
    key = product.key("checks:read", "agents:read")
    running = probe(product, ROOT / "docs" / "examples" / "scandale-probe.json")
    try:
        mine = "disk-usage&agent=probe1@localhost"
        check = product.until_stamped(wait_for(product, key, mine)[0]["id"], key)
        assert check["status"] in {"ok", None}
        assert "Filesystem" in check["payload"]["text"] or check["payload"]["size"] > 0
        agent = product.json("/api/v1/agents/probe1@localhost", key=key)["data"]
        assert agent["state"] == "approved"
        assert agent["presence"]["show"] == "available"
        assert [one["kind"] for one in agent["behaviours"]] == ["periodic"]
        (witness,) = until_cosigned(product, key)
        assert (witness["witness"], witness["kind"]) == ("probe1@localhost", "probe")
    finally:
        running.terminate()
        assert running.wait(15) == 0


def test_a_failed_run_is_a_check_and_results_survive_kill_nine_and_an_absent_server(tmp_path: Path) -> None:
    product = Product(tmp_path / "data").start()
    try:
        made = json.loads(product.command("agent", "add", "hard", "--json"))
        key = product.key("checks:read")
        kind = f"kind-{uuid.uuid4().hex[:8]}"
        config = tmp_path / "probe.json"
        config.write_text(
            json.dumps(
                {
                    **{"jid": made["jid"], "passwd": made["password"], "type": kind, "behaviour": "cyclic"},
                    **{"command": ["sh", "-c", "echo out; echo err >&2; exit 3"], "server": xmpp_of(product)},
                    "ca": product.facts["xmpp"]["ca"],
                }
            )
        )
        running = probe(product, config)
        first = wait_for(product, key, kind)[0]
        detail = product.json(f"/api/v1/checks/{first['id']}", key=key)["data"]
        assert detail["run"]["exit_status"] == 3
        product.stop()
        time.sleep(4)
        running.kill()
        running.wait()
        running = probe(product, config)
        time.sleep(3)
        product.start()
        before = len(wait_for(product, key, kind))
        found = wait_for(product, key, kind, count=before + 2)
        running.terminate()
        running.wait(15)
        assert len({one["id"] for one in found}) == len(found)
        assert len(found) >= 4
    finally:
        running.kill()
        product.kill()


def xmpp_of(product: Product) -> str:
    xmpp = product.facts["xmpp"]
    return f"{xmpp['host']}:{xmpp['port']}"
