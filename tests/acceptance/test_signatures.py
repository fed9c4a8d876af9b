"""A probe's signature from its tool's run to the bundle, and its key's life, on the real programs."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.acceptance.product import Product
from tests.acceptance.test_probe import probe, wait_for, xmpp_of
from tests.acceptance.test_walk import bundle_of, trust, verify


def test_what_a_probe_observed_is_signed_by_it_until_its_key_is_revoked(product: Product, tmp_path: Path) -> None:
    made = json.loads(product.command("agent", "add", "signer", "--json"))
    key = product.key("checks:read")
    config = tmp_path / "probe.json"
    job = {"type": "signed-df", "command": ["df", "-P", "/"], "behaviour": "cyclic", "min_gap": 1}
    server = {"server": xmpp_of(product), "ca": product.facts["xmpp"]["ca"]}
    config.write_text(json.dumps({"jid": made["jid"], "passwd": made["password"], **job, **server}))
    running = probe(product, config)
    try:
        deadline = time.monotonic() + 20
        while not (listed := json.loads(product.command("agent", "key", "list", made["jid"], "--json"))):
            assert time.monotonic() < deadline
            time.sleep(0.3)
        assert listed[0]["state"] == "enrolled"
        check = wait_for(product, key, "signed-df")[0]
        assert check["signed"] is True
        product.until_stamped(check["id"], key)
        place = bundle_of(product, check["id"], key, tmp_path / "signed.zip")
        said = json.loads(verify(str(place), *trust(product), "--json").stdout)
        assert said["ok"], said
        assert any(listed[0]["key_id"] in claim for claim in said["claims"])
        assert b"Signed by its probe" in product.request(f"/checks/{check['id']}", key=key)[2]
        product.command("agent", "key", "revoke", made["jid"])
        deadline = time.monotonic() + 20
        while not any("revoked" in line and "signed" in line for line in product.lines):
            assert time.monotonic() < deadline, "nothing signed by a revoked key is taken"
            time.sleep(0.2)
        history = product.json("/api/v1/checks?type=probe-key", key=key)["data"]["items"]
        assert {one["target"] for one in history} >= {made["jid"]}
    finally:
        running.terminate()
        running.wait(15)
