"""The wheel, built and installed into an environment of its own, starts from scratch with pages, files and tables."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.acceptance.product import ROOT, free_ports

UV = Path(sys.executable).parent / "uv"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([UV, "build", "--wheel", "--quiet", "--out-dir", folder, str(ROOT)], check=True)
    (made,) = folder.glob("*.whl")
    return made


def test_the_wheel_holds_what_the_program_reads(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("templates", "static", "sql/migrations", "sql/queries", "sql/imports"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert f"pumpkin/{path.relative_to(ROOT)}" in names
    assert "pumpkin/Containerfile" in names


@pytest.mark.timeout(300)
def test_installed_as_a_tool_it_serves(wheel: Path, tmp_path: Path) -> None:
    surroundings = {**os.environ, "UV_TOOL_DIR": str(tmp_path / "tools"), "UV_TOOL_BIN_DIR": str(tmp_path / "bin")}
    subprocess.run([UV, "tool", "install", "--quiet", "--python", sys.executable, wheel], check=True, env=surroundings)
    program, port = tmp_path / "bin" / "pumpkin", free_ports(1)
    command = [program, "run", "--data", tmp_path / "data", "--listen", f"127.0.0.1:{port}", "--xmpp-port", "0"]
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PUMPKIN_SANDBOX__ENABLED": "false"}
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, env=clean, cwd=tmp_path)
    assert said.stdout == f"pumpkin {wheel.name.split('-')[1]}\n"
    process = subprocess.Popen([*command, "--no-demo"], stdout=subprocess.PIPE, text=True, env=clean, cwd=tmp_path)
    try:
        assert process.stdout is not None
        lines: list[str] = []
        for line in iter(process.stdout.readline, ""):
            lines.append(line)
            if line.startswith("ready "):
                break
        assert lines[-1].startswith("ready "), lines
        for path in ("/login", "/static/style.css", "/openapi.json"):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
                assert answer.status == 200
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=20) as answer:
            assert json.load(answer) == {"status": "ready"}
    finally:
        process.terminate()
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(30) == 0
