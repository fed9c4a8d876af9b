"""Hostile archives through the real `pumpkin scan`: an answer, never clean, nothing left behind, no program needed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.analysis import hostile
from tests.analysis.hostile import entry, tar_of, zip_of

ROOT = Path(__file__).parents[2]


def climbing() -> bytes:
    return tar_of(
        (entry("../../../../../../tmp/pumpkin-climbed.py"), b"x = 1"), (entry("/tmp/pumpkin-climbed.py"), b"x")
    )


def two_in_one() -> bytes:
    return zip_of(("seen.py", b"import os")) + zip_of(("shown.py", b"1"))


CASES: dict[str, Callable[[], bytes]] = {
    "bomb": hostile.xz_bomb, "crowd": hostile.many_members, "encrypted": hostile.encrypted_zip,
    "dolls": hostile.russian_dolls, "climbing": climbing, "two": two_in_one,
}  # fmt: skip


def test_no_hostile_archive_is_clean_or_leaves_anything_behind(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    environment = {"PATH": "/nonexistent", "HOME": str(home), "TMPDIR": str(home), "PUMPKIN_DATA": str(home / "data")}
    running = {}
    for name, make in CASES.items():
        path = tmp_path / f"{name}.whl"
        path.write_bytes(make())
        argv = [sys.executable, "-m", "pumpkin", "scan", str(path), "--json", "--fail-on", "never"]
        running[name] = subprocess.Popen(
            argv, cwd=home, env={**environment, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        if len(running) % 3 == 0:  # a few at a time
            for one in running.values():
                one.wait()
    said = {name: (one.communicate(), one.returncode) for name, one in running.items()}
    reports = {name: json.loads(streams[0]) for name, (streams, _) in said.items()}
    assert {
        name: one["outcome"] for name, one in reports.items() if one["outcome"] not in ("incomplete", "suspicious")
    } == {}
    assert [name for name, one in reports.items() if one["gaps"] == [] and name != "climbing"] == []
    assert [code for _, code in said.values() if code not in (0, 3)] == []
    assert {name: streams[1] for name, (streams, _) in said.items() if streams[1]} == {}
    assert list(home.rglob("*")) == []
    assert not Path("/tmp/pumpkin-climbed.py").exists()
