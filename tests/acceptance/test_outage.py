"""A time-stamp authority that goes away under load: ingest does not notice, and everything is stamped after."""

from __future__ import annotations

import itertools
import json
import os
import threading
import time
import uuid
from pathlib import Path

import pytest

from tests.acceptance.product import Product

OUTAGE_S = float(os.environ.get("PUMPKIN_OUTAGE", "4"))


@pytest.mark.timeout(300)
def test_an_authority_away_under_load_costs_nothing_and_is_caught_up(tmp_path: Path) -> None:
    """Seconds away: PUMPKIN_OUTAGE (scripts/accept takes sixty). The authority is another Pumpkin's /tsa."""
    authority = Product(tmp_path / "authority").start()
    data = tmp_path / "data"
    data.mkdir()
    (data / "pumpkin.toml").write_text(
        "local_authority = false\n"
        "[[authorities]]\n"
        f'name = "elsewhere"\nurl = "{authority.url}/tsa"\nroots = ["{authority.facts["tsa_root"]}"]\ntimeout = 2.0\n'
    )
    product = Product(data).start()
    going, stored, last = threading.Event(), itertools.count(), [""]
    going.set()
    counted = [0]
    try:
        key = product.key("checks:write", "checks:read")

        def client() -> None:
            while going.is_set():
                lines = [
                    json.dumps({"id": str(uuid.uuid4()), "type": "load", "format": "text", "payload": {"text": "x"}})
                    for _ in range(20)
                ]
                body = "\n".join(lines).encode()
                assert product.request("/api/v1/checks", key=key, body=body, media="x-ndjson")[0] == 200
                counted[0] = next(stored) * 20
                last[0] = json.loads(lines[-1])["id"]

        def rate(seconds: float) -> float:
            before, begun = counted[0], time.monotonic()
            time.sleep(seconds)
            return (counted[0] - before) / (time.monotonic() - begun)

        clients = [threading.Thread(target=client, daemon=True) for _ in range(2)]
        for one in clients:
            one.start()
        time.sleep(1)
        there = rate(OUTAGE_S)
        authority.kill()
        away = rate(OUTAGE_S)
        state = product.json("/api/v1/authorities", key=key)["data"]["items"][0]
        authority.start()
        back = rate(2)
        going.clear()
        for one in clients:
            one.join(10)
        check = product.until_stamped(last[0], key, within_s=75)
        assert check["stamps"][0]["authority"] == "elsewhere"
        assert state["state"] == "failing"
        audit = json.loads(product.command("audit", "--json"))
        assert audit["ok"] is True
        print(f"checks/s: authority there {there:.0f}, away {OUTAGE_S:.0f} s {away:.0f}, back {back:.0f}")
        print(f"{audit['records']} records, all stamped, audit ok")
        assert away > 0.5 * there, "no timing is judged here, only that ingest went on"
    finally:
        going.clear()
        product.kill()
        authority.kill()
