"""A product with something in everything it serves, so that what is fuzzed is more than its 404."""

from __future__ import annotations

import io
import json
import time
import urllib.request
import uuid
import zipfile
from pathlib import Path
from typing import Any

from tests.acceptance.product import Product

SCOPES = ("checks:write", "checks:read", "packages:write", "packages:read", "agents:read", "metrics", "admin")
RULES = (
    'version = 1\n[[rule]]\nname = "ok"\nkind = "expected"\nby = ["agent", "target"]\n[rule.select]\ntype = "http"\n'
)
MODULE = '[[modules]]\nname = "lines"\nkind = "jsonl"\ntarget = "{}"\ntopics = ["alert.raised"]\n'


def start(folder: Path) -> Product:
    """A server without engine and registries, with a rule and a module."""
    data = folder / "data"
    data.mkdir()
    (data / "alerts.toml").write_text(RULES)
    (data / "pumpkin.toml").write_text(MODULE.format(folder / "events.jsonl"))
    off = {"PUMPKIN_SANDBOX__ENABLED": "false", "PUMPKIN_REGISTRIES__STRICT": "true"}
    return Product(data, environment=off).start(60)


def fill(product: Product, key: str) -> dict[str, list[str]]:
    """Make one and more of everything; values by the word that stands before them in a path."""
    checks = [str(uuid.uuid4()) for _ in range(3)]
    for number, check in enumerate(checks):
        body = {
            "id": check, "type": "http", "format": "text", "status": ("ok", "critical", "critical")[number],
            "target": f"https://h{number}.example/", "payload": {"text": "200"},
        }  # fmt: skip
        product.json("/api/v1/checks", key=key, body=body)
    for name in ("one", "two"):
        product.command("agent", "add", name)
    job = {"targets": {"all": True}, "job": {"use": "tcp", "target": "127.0.0.1:1", "period": 3600}}
    once = {"use": "tcp", "target": "127.0.0.1:1", "behaviour": "one-shot"}
    window = {"matcher": {"rule": "none"}, "lasts": "1h", "reason": "fuzz"}
    made = {
        "jobs": product.json("/api/v1/jobs", key=key, body=job)["data"],
        "pools": product.json("/api/v1/pools/list", key=key, body={"duty": "probe", "jobs": [once]})["data"],
        "invitations": product.json("/api/v1/invitations", key=key, body={"name": "new"})["data"],
        "watches": product.json("/api/v1/watches", key=key, body={"purl": "pkg:pypi/six"})["data"],
        "silences": product.json("/api/v1/silences", key=key, body=window)["data"],
    }
    found = {name: [str(value.get("id", value.get("n", "1")))] for name, value in made.items()} | {"pools": ["list"]}
    task = _upload(product, key)
    report = product.json(f"/api/v1/task/{task['uuid']}/report", key=key)
    return {
        **found,
        "checks": checks,
        "erase": checks,
        "proof": checks,
        "items": [*checks, "1"],
        "TimeStampTokens": checks,
        "agents": ["one@localhost", "two@localhost", "aggregator@localhost"],
        "modules": ["lines"],
        "maintenance": ["1"],
        "faults": ["1"],
        "task": [task["uuid"], str(task["task_id"])],
        "reports": [str(value) for value in _ids(product, key, report)],
        "alerts": _alerts(product, key),
        "packages": ["pypi", "npm"],
        "tile": ["0", "entries"],
        "checkpoints": ["1", "3"],
        "enroll": [str(made["invitations"].get("token", "x"))],
    }


def _upload(product: Product, key: str) -> dict[str, Any]:
    """A wheel, handed in and analysed by reading."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("sample/__init__.py", "import os\nos.system('id')\n")
        archive.writestr("sample-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: sample\nVersion: 1.0\n")
        archive.writestr("sample-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
    fields = {"ecosystem": "pypi", "package_name": "sample", "package_version": "1.0"}
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="sample-1.0-py3-none-any.whl"\r\n\r\n'
    body = b"".join((*parts, head, packed.getvalue(), b"\r\n--b--\r\n"))
    asked = urllib.request.Request(
        f"{product.url}/api/v1/upload/",
        body,
        {"Authorization": f"Bearer {key}", "Content-Type": "multipart/form-data; boundary=b"},
    )
    with urllib.request.urlopen(asked, timeout=30) as answer:
        task: dict[str, Any] = json.load(answer)["data"]
    for _ in range(300):
        state = product.json(f"/api/v1/task/{task['uuid']}", key=key)
        if state.get("data", state)["status"] in ("completed", "failed"):
            return task
        time.sleep(0.1)
    return task


def _ids(product: Product, key: str, report: dict[str, Any]) -> list[object]:
    listed = product.json("/api/v1/reports", key=key)["data"]
    items = listed.get("items", listed) if isinstance(listed, dict) else listed
    return [one.get("id", one.get("report_id", "1")) for one in items] or ["1"]


def _alerts(product: Product, key: str) -> list[str]:
    for _ in range(50):
        items = product.json("/api/v1/alerts", key=key)["data"]["items"]
        if items:
            return [str(one["id"]) for one in items]
        time.sleep(0.1)
    return ["1"]
