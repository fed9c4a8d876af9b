"""Rules and alerts of the real program: a file put beside it, checks by HTTP, the past by command."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.acceptance.product import Product

RULES = """
[[rule]]
name = "acceptance"
kind = "expected"
severity = "critical"
select = { type = "acceptance-http", label = { env = "prod" } }
value = "labels.code"
expect = 200
message = "{target} answers {value}"
"""


def until(fits: Callable[[], Any], within_s: float = 20.0) -> Any:
    deadline = time.monotonic() + within_s
    while not (found := fits()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def test_a_rule_from_its_file_to_a_proven_alert_and_back_over_the_past(product: Product, tmp_path: Path) -> None:
    key, target = product.key("checks:write", "checks:read", "alerts:write"), f"shop-{uuid4().hex[:8]}"
    file = product.data / "alerts.toml"
    file.write_text(RULES, "utf-8")

    def rules() -> dict[str, Any]:
        found: dict[str, Any] = product.json("/api/v1/rules", key=key)["data"]
        return found

    def see(code: str) -> str:
        body = {"type": "acceptance-http", "target": target, "labels": {"env": "prod", "code": code}}
        stored = product.json("/api/v1/checks", key=key, body={**body, "payload": {"text": "x"}})
        return str(stored["data"]["id"])

    def events() -> list[dict[str, Any]]:
        listed = product.json(f"/api/v1/alerts?target={target}", key=key)["data"]["items"]
        shown = product.json(f"/api/v1/alerts/{listed[0]['id']}", key=key)["data"] if listed else {"events": []}
        return shown["events"] if shown["events"] and all(one["check"] for one in shown["events"]) else []

    until(lambda: [one["name"] for one in rules()["rules"]] == ["acceptance"])
    see("200")
    broke = see("503")
    (opened,) = until(events)
    record = product.json(f"/api/v1/checks/{opened['check']}", key=key)["data"]
    assert (record["kind"], record["agent"]) == ("alert", "system:correlator")
    assert json.loads(record["payload"]["text"])["checks"][0]["uuid"] == broke
    product.until_stamped(opened["check"], key)
    see("200")
    until(lambda: [one["event"] for one in events()] == ["opened", "resolved"])

    told = json.loads(product.command("rules", "test", str(file), "--since", "1h", "--json"))
    mine = [one for one in told["alerts"] if one["target"] == target]
    assert [(one["message"], one["state"]) for one in mine] == [(f"{target} answers 503", "resolved")]

    history = tmp_path / "history.ndjson"
    lines = [
        {
            "type": "acceptance-http",
            "target": "t",
            "observed": 1_790_000_000 + n,
            "labels": {"env": "prod", "code": code},
        }
        for n, code in enumerate(["200", "404", "200", "500"])
    ]
    history.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    said = product.command("rules", "test", str(file), "--history", str(history))
    assert "t answers 404" in said
    assert "4 checks from 2026-09-21T" in said
    assert "2 alerts would have been raised" in said

    file.write_text(RULES + "\nafter = 'soon'", "utf-8")
    (fault,) = until(lambda: rules()["faults"])
    assert (fault["code"], fault["line"], fault["rule"], fault["field"]) == (
        "rules_bad_value",
        11,
        "acceptance",
        "after",
    )
    assert [one["name"] for one in rules()["rules"]] == ["acceptance"]
    file.unlink()
    until(lambda: not rules()["rules"])


def test_a_killed_server_neither_doubles_nor_loses_an_alert(tmp_path: Path) -> None:
    """kill -9 while checks break a rule: each has its one alert, with its one record of having opened."""
    product = Product(tmp_path / "data")
    product.data.mkdir()
    (product.data / "alerts.toml").write_text(RULES, "utf-8")
    product.start()
    try:
        key = product.key("checks:write", "checks:read")
        stored: set[str] = set()
        for number in range(int(os.environ.get("PUMPKIN_ALERT_KILLS", "1"))):
            killer = threading.Timer(random.uniform(0.05, 1.0), product.kill)
            killer.start()
            for place in range(400):
                target = f"t{number}-{place}"
                body = {"type": "acceptance-http", "target": target, "labels": {"env": "prod", "code": "503"}}
                try:
                    status = product.request("/api/v1/checks", key=key, body={**body, "payload": {"text": "x"}})[0]
                except OSError:
                    break
                if status == 201:
                    stored.add(target)
            killer.join()
            product.start()

        def raised() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = []
            path = "/api/v1/alerts?limit=500"
            while path:
                told = product.json(path, key=key)["data"]
                found += told["items"]
                path = f"/api/v1/alerts?limit=500&cursor={told['next']}" if told["next"] else ""
            return found

        until(lambda: stored <= {one["target"] for one in raised()}, 60.0)
        until(lambda: product.json("/api/v1/rules", key=key)["data"]["behind"] == 0)
        time.sleep(1.5)
        counts = Counter(one["target"] for one in raised())
        assert set(counts.values()) == {1}
        opened: Counter[str] = Counter()
        path = "/api/v1/checks?type=alert-opened&limit=1000"
        while path:
            told = product.json(path, key=key)["data"]
            opened.update(one["labels"]["alert"] for one in told["items"])
            path = f"/api/v1/checks?type=alert-opened&limit=1000&cursor={told['next']}" if told["next"] else ""
        assert opened == Counter(one["id"] for one in raised())
        print(f"{len(counts)} alerts over kill -9, each once, each with its one record")
    finally:
        product.kill()
