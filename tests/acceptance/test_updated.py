"""A probe of an older version, installed by the line on a second host, told to update itself: a kit that is not the one
of the signed order is refused and it goes on as it was; the right one is fetched, tried, switched to; none is lost."""

from __future__ import annotations

import json
import os
import re
import shutil
from html import unescape
from pathlib import Path
from typing import Any

from tests.acceptance.product import Product
from tests.acceptance.test_enrolled import PASSWORD, Host, Person, host, product, until

__all__ = ["host", "product"]
JID = "roof-1@pumpkin.test"
OLD = "0.0.9"
COUNTS = "echo x >>n; echo number $(wc -l <n)"


def grow_old(home: Path) -> Path:
    """Make what the line installed another release, of an older version; its folder."""
    first = (home / "current").resolve()
    older = home / "release-000000000000"
    shutil.copytree(first, older, symlinks=True)
    shutil.rmtree(first)
    (home / "current").unlink()
    (home / "current").symlink_to(older)
    source = next(older.glob("lib/python*/site-packages/actors/probe.py"))
    source.write_text(source.read_text().replace('VERSION = "0.1.0"', f'VERSION = "{OLD}"'))
    return older


def test_an_older_probe_updates_itself_when_told_and_loses_nothing(product: Product, host: Host) -> None:
    product.command("user", "add", "ada", "--role", "admin", "--password", PASSWORD)
    ada = Person(product, "ada")
    page, _ = ada.post("/agents/enroll", {"tags": "roof", "name": "roof-1", "approve": "1"}, form="/agents/enroll")
    line = unescape(re.search(r'<pre id="line"[^>]*>(.*?)</pre>', page, re.S)[1])  # type: ignore[index]
    home = host.folder / "probe"
    done = host.shell(line, PUMPKIN_PROBE_HOME=str(home), PUMPKIN_PROBE_USER="root", PUMPKIN_PROBE_START="no")
    assert done.returncode == 0, done.stderr + done.stdout
    older = grow_old(home)
    begin = f"{home}/pumpkin probe -c {home}/probe.toml --data {home}/data >>{home}/probe.log 2>&1 </dev/null"
    host.shell(f"{begin} & echo $! >{home}/probe.pid")
    pid = (home / "probe.pid").read_text().strip()
    key = product.key("checks:read", "agents:read", "agents:write", "checks:write")

    def shown() -> dict[str, Any]:
        found: dict[str, Any] = product.json(f"/api/v1/agents/{JID}", key=key)["data"]
        return found

    until(lambda: shown()["version"] == OLD)
    product.command(
        "job", "add", json.dumps({"type": "count", "command": ["sh", "-c", COUNTS], "period": 0.5}), "--all"
    )

    def numbers() -> list[int]:
        items = product.json("/api/v1/checks?type=count&limit=200", key=key)["data"]["items"]
        found = [product.json(f"/api/v1/checks/{one['id']}", key=key)["data"]["payload"]["text"] for one in items]
        return sorted(int(text.split()[1]) for text in found)

    until(lambda: len(numbers()) > 2)

    # A kit that was changed after its digest was taken: refused, and the old version goes on.
    kit = next((product.data / "kits").glob("*.tar.gz"))
    was, content = kit.stat(), kit.read_bytes()
    kit.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(kit, ns=(was.st_atime_ns, was.st_mtime_ns))
    ada.post(f"/agents/{JID}/update", {}, form=f"/agents/{JID}")
    until(lambda: (shown()["update"] or {}).get("state") == "failed")
    assert "not the one the signed order names" in shown()["update"]["said"]
    assert "not updated: The kit is not the one the signed order names" in ada.get("/agents")
    assert shown()["version"] == OLD
    assert not list((home / "data" / "update").glob("release-*/complete"))
    seen = len(numbers())
    until(lambda: len(numbers()) > seen)

    # The right one, told from the command line: the same process, the same identity, another version.
    kit.write_bytes(content)
    os.utime(kit, ns=(was.st_atime_ns, was.st_mtime_ns))
    told = json.loads(product.command("agent", "update", "--tag", "roof", "--json"))
    assert told["agents"] == [JID]
    until(lambda: shown()["update"]["state"] not in ("told", "trying"), 240)
    assert shown()["update"]["state"] == "done", shown()["update"]
    until(lambda: shown()["version"] == told["version"])
    current = home / "data" / "update" / "current"
    digest = next(iter(told["kits"].values()))
    assert current.resolve().name == f"release-{digest[:12]}"
    assert not (current.parent / "tried").is_symlink()
    assert str(current.resolve()) in Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    assert older.is_dir()
    assert '<span class="mark ok">done</span>' in ada.get(f"/agents/{JID}")

    # Nothing lost and nothing twice, save a measurement the switch may have cut off; the key is that it enrolled with.
    seen = len(numbers())
    until(lambda: len(numbers()) > seen + 2)
    found = numbers()
    assert len(set(found)) == len(found)
    assert len(set(range(1, found[-1] + 1)) - set(found)) <= 1, found
    assert len(json.loads(product.command("agent", "key", "list", JID, "--json"))) == 1

    # Told again, it has nothing to do; started anew, it is what it became.
    product.command("agent", "update", JID)
    until(lambda: shown()["update"]["state"] == "done")
    assert current.resolve().name == f"release-{digest[:12]}"
    os.kill(int(pid), 9)
    host.shell(f"{begin} & echo $! >{home}/probe.pid")
    pid = (home / "probe.pid").read_text().strip()
    until(lambda: str(current.resolve()) in Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " "), 10)
