"""A probe offline, killed twice, its disk full once: whatever its stated policy did not drop arrives exactly once."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import time
from pathlib import Path

import pytest

from tests.acceptance.product import Product
from tests.acceptance.test_fleet import found, probe, until

OFFLINE_S = float(os.environ.get("PUMPKIN_OFFLINE", "6"))


def waiting(spool: Path) -> tuple[list[int], int, int]:
    """What a dead probe's spool holds: the numbers its waiting checks counted, dropped successes and failures."""
    base = sqlite3.connect(f"file:{spool}?mode=ro", uri=True)
    try:
        rows = base.execute("select body from waiting order by n").fetchall()
        facts = dict(base.execute("select name, value from facts").fetchall())
    finally:
        base.close()
    payloads = [json.loads(body)["payload"] for (body,) in rows]
    numbers = [int((one["text"] if "text" in one else base64.b64decode(one["base64"])).split()[0]) for one in payloads]
    return numbers, int(facts.get("dropped_successes", 0)), int(facts.get("dropped_failures", 0))


@pytest.mark.timeout(1_500)
def test_an_offline_probe_killed_twice_with_a_full_disk_delivers_the_rest_once(tmp_path: Path) -> None:
    """Seconds offline: PUMPKIN_OFFLINE (scripts/accept takes ten minutes). The tool counts its own runs, so that every
    result can be told from every other; each is 2 kB, and the disk holds about forty of them."""
    product = Product(tmp_path / "data").start()
    made = json.loads(product.command("agent", "add", "hermit", "--json"))
    key = product.key("checks:read")
    xmpp = product.facts["xmpp"]
    config, counter, far = tmp_path / "hermit.json", tmp_path / "n", tmp_path / "far"
    script = 'n=$(($(cat "$0" 2>/dev/null || echo 0)+1)); echo $n >"$0.new"; mv "$0.new" "$0"; printf "%s %02000d" $n 0'
    config.write_text(
        json.dumps(
            {
                **{"jid": made["jid"], "passwd": made["password"], "type": "hermit", "behaviour": "cyclic"},
                **{"server": f"127.0.0.1:{xmpp['port']}", "ca": xmpp["ca"]},
                "command": ["sh", "-c", script, str(counter)],
                **{"period": max(0.05, OFFLINE_S / 400), "behaviour": "periodic", "spool_limit": 100_000},
            }
        )
    )
    spool = far / "probes" / "hermit_at_localhost" / "spool.sqlite"
    running = probe(product, config, "--json", data=far)
    try:
        until(product, key, "hermit", 3)
        product.stop()
        for _ in range(2):
            time.sleep(OFFLINE_S / 3)
            running.kill()
            running.communicate()
            running = probe(product, config, "--json", data=far)
        time.sleep(OFFLINE_S / 3)
        running.kill()
        running.communicate()
        kept, successes, failures = waiting(spool)
        assert successes > 0, "the disk was never full"
        assert failures == 0
        assert kept == sorted(set(kept))
        assert kept[-1] >= int(counter.read_text()) - 1, "the newest are kept, the oldest dropped"
        product.start()
        running = probe(product, config, "--json", data=far)
        deadline = time.monotonic() + 60
        while kept[-1] not in numbers(product, key):
            assert time.monotonic() < deadline, "the newest did not arrive"
            time.sleep(0.5)
        running.terminate()
        out, _ = running.communicate(timeout=30)
        summary = json.loads(out.splitlines()[-1])
        arrived = numbers(product, key)
        assert len(arrived) == len(set(arrived)), "something arrived twice"
        # Until it was connected again, the disk was still full: the policy took the oldest, and them alone.
        taken = summary["dropped"] - successes
        assert set(kept) - set(arrived) <= set(kept[:taken]), (taken, sorted(set(kept) - set(arrived)))
        runs = int(counter.read_text())
        # A run may be lost with the process that measured it (a result exists once it is on disk), and one that the
        # policy dropped while it was on its way has arrived all the same.
        cut_off = runs - len(arrived) - summary["dropped"] - summary["waiting"]
        assert -8 <= cut_off <= 3, (runs, len(arrived), summary)
        print(f"runs {runs}, arrived once {len(arrived)}, dropped by policy {summary['dropped']}, cut off {cut_off}")
    finally:
        running.kill()
        running.communicate()
        product.kill()


def numbers(product: Product, key: str) -> list[int]:
    """The number each check's tool counted, of all that arrived."""
    seen: list[int] = []
    for one in found(product, key, "hermit"):
        status, _, content = product.request(f"/api/v1/checks/{one['id']}/payload", key=key)
        assert status == 200
        seen.append(int(content.split()[0]))
    return seen
