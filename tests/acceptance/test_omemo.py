"""A probe that encrypts (OMEMO): ciphertext on the wire, plaintext in the check, on both XMPP servers."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from tests.acceptance.product import Product
from tests.acceptance.test_fleet import probe, until


@pytest.mark.timeout(180)
@pytest.mark.parametrize("server", ["embedded", "prosody"])
def test_only_the_aggregator_can_read_what_an_encrypting_probe_says(server: str) -> None:
    with tempfile.TemporaryDirectory(prefix="pumpkin-omemo-") as folder:
        place = Path(folder)
        place.chmod(0o755)
        product = Product(place / "data", options=("--xmpp", server)).start()
        try:
            made = json.loads(product.command("agent", "add", "whisper", "--json"))
            key = product.key("checks:read", "agents:read")
            config = place / "whisper.json"
            document = {
                **{"jid": made["jid"], "passwd": made["password"], "type": "whisper", "omemo": True},
                **{"command": "echo the-secret-word {target}", "jobs": [{"target": "one"}, {"target": "two"}]},
            }
            config.write_text(json.dumps(document))
            for round_ in (1, 2):  # the second time with the keys and ratchets that were kept
                running = probe(product, config, "--json")
                out, err = running.communicate(timeout=120)
                assert json.loads(out.splitlines()[-1])["delivered"] == 2, err
                items = until(product, key, "whisper", 2 * round_)
            assert [one["encrypted"] for one in items] == [True] * 4
            texts = {product.request(f"/api/v1/checks/{one['id']}/payload", key=key)[2] for one in items}
            assert texts == {b"the-secret-word one\n", b"the-secret-word two\n"}
            said = product.json("/api/v1/agents/whisper@localhost/messages", key=key)["data"]["items"]
            stanzas = [one["stanza"] for one in said if one["check"]]
            assert len(stanzas) == 4
            for stanza in stanzas:
                assert '<encrypted xmlns="eu.siacs.conversations.axolotl"' in stanza
                assert "the-secret-word" not in stanza
            assert len({one["metadata"]["omemo"] for one in said if one["check"]}) == 1
        finally:
            product.kill()
