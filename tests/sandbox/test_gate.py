"""`pumpkin analyze` alone: no server, embedded defaults, the real engine; and how it ends (rulings.md 30)."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from pumpkin.adapters.engine import EngineSettings
from tests.acceptance.product import PUMPKIN
from tests.sandbox.samples import sdist, wheel

pytestmark = pytest.mark.timeout(300)


def test_alone_it_runs_packages_and_ends_3_where_one_could_not_be_run(
    engine_settings: EngineSettings, tmp_path: Path
) -> None:
    files = [wheel("quiet", "def add(a, b):\n    return a + b\n"), sdist("broken", setup="raise SystemExit(7)")]
    for name, content in files:
        (tmp_path / name).write_bytes(content)
    data = tmp_path / "data"
    ended = subprocess.run(
        [str(PUMPKIN), "analyze", *(str(tmp_path / name) for name, _ in files), "--data", str(data), "--json"],
        capture_output=True,
        text=True,
        timeout=280,
        env={**os.environ, "NO_COLOR": "1", "PUMPKIN_REGISTRIES__OSV": "", "PUMPKIN_SANDBOX__WARM": "0"},
        check=False,
    )
    assert ended.returncode == 3, (ended.stdout[-2_000:], ended.stderr[-4_000:])
    quiet, broken = json.loads(ended.stdout)["packages"]
    assert quiet["outcome"] == "clean", quiet
    assert broken["outcome"] == "install_failed", broken
    for one in (quiet, broken):  # both were run: nothing says that there was no engine
        assert not [said for said in one["not_checked"] if said.startswith("dynamic:")], one["not_checked"]
    assert not (data / "ready.json").exists()
    assert not (data / "postgres" / "postmaster.pid").exists()
