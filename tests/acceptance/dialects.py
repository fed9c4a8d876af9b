"""A client of each dialect of the package API, written from the contract, by HTTP alone: no code of the server's.

The older one (PG) presents X-API-Key and reads a cache hit at the top level; the later one (DJ) presents a bearer key,
sends idempotency keys and reads `data` everywhere else. Both follow the addresses they are given.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import Any


def call(url: str, headers: dict[str, str], body: Any = None, method: str | None = None) -> tuple[int, Any, Any]:
    """Status, headers and parsed body."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=dict(headers), method=method)
    if data is not None:
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, error.headers, json.loads(error.read())


class OldClient:
    """PG: one that was written against the single-process server."""

    def __init__(self, base: str, key: str) -> None:
        self.base, self.headers = base, {"X-API-Key": key}

    def analyze(self, purl: str, priority: int = 0) -> dict[str, Any]:
        status, _, body = call(f"{self.base}/api/v1/analyze/", self.headers, {"purl": purl, "priority": priority})
        if status not in (200, 202):
            raise RuntimeError(f"{body['error']}: {body['message']}")
        found: dict[str, Any] = body if body.get("status") == "completed" else body["data"]
        return found

    def wait(self, submitted: dict[str, Any], within_s: float = 30.0) -> dict[str, Any]:
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            status, _, body = call(submitted["status_url"], {})
            assert status == 200
            assert body["success"] is True
            task: dict[str, Any] = body["data"]
            if task["status"] in ("completed", "failed"):
                return task
            assert task["status"] in ("pending", "queued", "running")
            time.sleep(0.05)
        raise AssertionError("never ended")

    def report(self, task: dict[str, Any]) -> dict[str, Any]:
        _, _, document = call(task["download_url"], {})
        found: dict[str, Any] = document
        return found


class LaterClient:
    """DJ: one that was written against the later server."""

    def __init__(self, base: str, key: str) -> None:
        self.base, self.headers = base.rstrip("/"), {"Authorization": f"Bearer {key}"}

    def submit(self, purl: str, key: str | None = None, **more: Any) -> tuple[int, dict[str, Any]]:
        headers = {**self.headers, **({"X-Idempotency-Key": key} if key else {})}
        status, answered, body = call(f"{self.base}/api/v1/analyze", headers, {"purl": purl, **more})
        assert {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} <= set(answered.keys())
        return status, body

    def get(self, path: str, *, key: bool = True) -> tuple[int, Any]:
        status, _, body = call(f"{self.base}{path}", self.headers if key else {})
        return status, body
