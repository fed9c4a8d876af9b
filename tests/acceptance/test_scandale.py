"""SCANDALE's clients, unmodified: a SPADE 4 agent and the real PubSub client."""

from __future__ import annotations

import base64
import json
import os
import queue
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

from tests import foreign
from tests.acceptance.product import Product

HERE = Path(foreign.__file__).parent


def lines_of(process: subprocess.Popen[str]) -> queue.Queue[str]:
    """What a process prints, a line each, read by a thread."""
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        with process.stdout as out:  # type: ignore[union-attr]
            for line in out:
                lines.put(line)

    threading.Thread(target=read, daemon=True).start()
    return lines


def test_a_spade_agents_result_is_stored_stamped_and_published(product: Product) -> None:
    made = json.loads(product.command("agent", "add", f"spade-{uuid.uuid4().hex[:8]}", "--json"))
    identifier = str(uuid.uuid4())
    listener = subprocess.Popen(
        [sys.executable, HERE / "pubsub_client.py", product.url.replace("http", "ws") + "/pubsub"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        lines = lines_of(listener)
        assert lines.get(timeout=20).strip() == "subscribed"
        xmpp = product.facts["xmpp"]
        agent = subprocess.run(
            [
                *(foreign.spade(), HERE / "spade_probe.py", made["jid"], made["password"]),
                *(xmpp["aggregator"], identifier, str(xmpp["port"]), "PONG 198.51.100.7"),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "SSL_CERT_FILE": xmpp["ca"]},
        )
        assert "answer confirm" in agent.stdout, agent.stdout + agent.stderr
        key = product.key("checks:read")
        check = product.until_stamped(identifier, key)
        assert check["agent"] == made["jid"]
        assert check["type"] == "ping"
        assert base64.b64decode(check["payload"]["text"]) == b"PONG 198.51.100.7"
        seen: dict[str, object] = {}
        deadline = time.monotonic() + 15
        while len(seen) < 2 and time.monotonic() < deadline:
            event = json.loads(lines.get(timeout=15))
            data = json.loads(event["data"]) if isinstance(event["data"], str) else event["data"]
            if identifier in json.dumps(data):
                seen[event["topic"]] = data
        assert seen.keys() == {"scan", "tst"}
    finally:
        listener.kill()
        listener.wait()
