"""The commands on the pages for a lawyer and for an auditor do what the pages say, in their order."""

from __future__ import annotations

import os
import re
import subprocess
import uuid
from pathlib import Path

from tests.acceptance.product import PUMPKIN, ROOT, Product

BLOCK = re.compile(r"```sh( in check)?(?: ends with (\d))?\n(.*?)```", re.DOTALL)


def run_page(page: str, folder: Path, product: Product, key: str, check: str) -> int:
    """Each block in a shell that goes on from the one before; how many there were."""
    surroundings = {
        **os.environ,
        "PATH": f"{PUMPKIN.parent}:{os.environ['PATH']}",
        "PUMPKIN_DATA": str(product.data),
        "URL": product.url,
        "KEY": key,
        "CHECK": check,
    }
    before, count = "", 0
    for inside, status, script in BLOCK.findall((ROOT / "docs" / page).read_text("utf-8")):
        own = f"{before}\n{script}" if inside else script
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", own],
            cwd=folder / "check" if inside and "zipfile" not in own else folder,
            env=surroundings,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == int(status or 0), f"{page}:\n{script}\n{done.stdout}\n{done.stderr}"
        if "cd check" in script:
            before = script.replace("python3 -m zipfile -e check.zip check && cd check", "")
        elif inside:
            before = own
        count += 1
    return count


def test_both_pages_commands_work_as_printed(product: Product, tmp_path: Path) -> None:
    key = product.key("checks:read", "checks:write")
    check = str(uuid.uuid4())
    body = {"id": check, "type": "http", "format": "text", "payload": {"text": "200 OK"}, "status": "ok"}
    product.json("/api/v1/checks", key=key, body=body)
    product.until_stamped(check, key)
    assert run_page("auditors.md", tmp_path, product, key, check) == 10
    for name in ("check.zip", "root.pem", "log-key.pem"):
        assert (tmp_path / name).exists()
    subprocess.run(["rm", "-rf", str(tmp_path / "check")], check=True)
    assert run_page("lawyers.md", tmp_path, product, key, check) == 3
