"""The commands and examples of the documentation, executed as they are printed, against one running Pumpkin.

Names of another world (a database's host, a folder of root's) are replaced by those of the test; each replacement must
still stand on the page, so none outlives it.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
import tomllib
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from pumpkin.model import jobs
from tests.acceptance.authorities import Tsa
from tests.acceptance.index import Index, wheel
from tests.acceptance.product import ROOT, Product
from tests.commands.test_importing import PACKAMAL, SCANDALE, item
from tests.documents import blocks, executes, in_process, in_shell, replaced

SERVER = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def index() -> Iterator[Index]:
    served = Index()
    yield served
    served.close()


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which scripts/setup ran, for whoever follows the README."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("scripts", "docs", "pyproject.toml", "uv.lock"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").mkdir()
    (folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    (folder / ".venv" / ".pumpkin-setup").touch()
    return folder


@pytest.fixture(scope="module")
def running(clone: Path, index: Index, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """What the README's first command starts, on ports of this test."""
    first = blocks("README.md", "sh")[0].text.strip()
    data = tmp_path_factory.mktemp("documented") / "data"
    more = {"PIP_INDEX_URL": index.url, "PUMPKIN_SANDBOX__ENABLED": "false"}
    reader = clone / "reader"
    reader.write_text(f'#!/bin/sh\ncd {clone} && shift && exec {first} "$@"\n')
    reader.chmod(0o755)
    product = Product(data, environment=more, program=reader)
    yield product.start()
    product.stop()


def address(product: Product) -> dict[str, str]:
    return {"PUMPKIN_DATA": str(product.data), "URL": product.url, "KEY": product.key("admin")}


def script(page: str) -> str:
    return "\n".join(block.text for block in blocks(page, "sh"))


@executes("README.md", "sh")
def test_the_readme(running: Product, clone: Path) -> None:
    for name in ("tsa-root.pem", "log-key.pem"):
        shutil.copy(running.data / name, clone / name)
    (clone / "some-package.whl").write_bytes(wheel("some_package", "1.0"))
    probe = json.loads((ROOT / "docs/examples/scandale-probe.json").read_text())
    assert probe["jid"].startswith("probe1@")
    # a probe goes on for ever: begun beside, until what it saw is there
    before = """
    .venv/bin/pumpkin() {
        if [ "$1" != probe ]; then command .venv/bin/pumpkin "$@"; return; fi
        command .venv/bin/pumpkin "$@" &
        for _ in $(seq 200); do
            curl -sf "$URL/api/v1/checks?type=disk-usage" -H "Authorization: Bearer $WATCHER" > seen || true
            if grep -q probe1@ seen; then return; fi
            sleep 0.1
        done
        return 1
    }
    """
    surroundings = {"PUMPKIN_DATA": str(running.data), "URL": running.url, "WATCHER": running.key("checks:read")}
    told = in_shell(
        replaced(
            "\n".join(block.text for block in blocks("README.md", "sh")[1:]),
            {SERVER: running.url, "pkg:pypi/six@1.16.0": "pkg:pypi/known-six@1.0"},
        ),
        clone, surroundings, before=before,
    )  # fmt: skip
    assert "proven" in told
    assert "clean" in told


@executes("docs/packages.md", "sh")
def test_packages(running: Product, tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "thing-1.0-py3-none-any.whl").write_bytes(wheel("thing", "1.0"))
    (tmp_path / "requirements.txt").write_text("known-thing==1.0\n")
    names = {
        SERVER: running.url, "https://pumpkin.example": running.url,
        "pkg:pypi/requests@2.32.3": "pkg:pypi/known-requests@1.0",
        "pkg:npm/express@4.21.0": "pkg:pypi/known-express@1.0",
    }  # fmt: skip
    told = in_shell(replaced(script("docs/packages.md"), names), tmp_path, address(running))
    assert '"task_id"' in told
    assert json.loads((tmp_path / "express.sarif").read_text())["version"] == "2.1.0"


@executes("docs/detection.md", "sh")
def test_detection(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "thing-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("thing/__init__.py", "def add(a, b):\n    return a + b\n")
        about = "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\nHome-page: https://github.com/house/thing\n"
        archive.writestr("thing-1.0.dist-info/METADATA", about)
    (tmp_path / "house").mkdir()
    (tmp_path / "house" / "own.yar").write_text('rule own { strings: $a = "own" condition: $a }\n')
    told = in_process(script("docs/detection.md"), tmp_path, {"PUMPKIN_DATA": str(tmp_path / "data")})
    assert "requests" in told


@executes("docs/correlation.md", "sh", "json")
def test_correlation(running: Product, tmp_path: Path) -> None:
    key = running.key("admin", "checks:write")
    body = {"type": "http", "format": "text", "payload": {"text": "x"}, "status": "critical"}
    running.json("/api/v1/checks", key=key, body=body)
    listed = running.json("/api/v1/checks", key=key)["data"]["items"]
    (tmp_path / "checks.ndjson").write_text("".join(json.dumps(one) + "\n" for one in listed))
    shutil.copy(ROOT / "docs" / "examples" / "alerts.toml", tmp_path / "alerts.toml")
    in_process(script("docs/correlation.md"), tmp_path, address(running))
    for block in blocks("docs/correlation.md", "json"):
        made = running.json("/api/v1/silences", key=key, body=json.loads(block.text))["data"]
        assert made["reason"] == json.loads(block.text)["reason"]


@executes("docs/probes.md", "sh", "toml")
def test_probes(running: Product, tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_text('use = "tls"\ntarget = "www.example.org:443"\nperiod = 600\n')
    told = in_process(script("docs/probes.md"), tmp_path, address(running))
    assert "Job 1 is taken back" in told
    for block in blocks("docs/probes.md", "toml"):
        text = f'jid = "a@b"\npasswd = "x"\n[[jobs]]\ncommand = "true"\nperiod = 60\n{block.text}'
        read = jobs.loads(json.dumps(tomllib.loads(text)))
        assert read.jobs[0].confirm is not None


@executes("docs/proofs.md", "sh")
def test_proofs(running: Product, tmp_path: Path) -> None:
    key = running.key("checks:write", "checks:read")
    body = {"type": "http", "format": "text", "payload": {"text": "200"}}
    check = running.json("/api/v1/checks", key=key, body=body)["data"]["id"]
    running.until_stamped(check, key)
    (tmp_path / "check.zip").write_bytes(running.request(f"/api/v1/checks/{check}/bundle", key=key)[2])
    shutil.copy(running.data / "tsa-root.pem", tmp_path / "root.pem")
    shutil.copy(running.data / "log-key.pem", tmp_path / "log-key.pem")
    other = Tsa("third")
    shutil.copy(other.root(tmp_path), tmp_path / "ca.pem")
    names = {
        "/path/to/root.pem": str(tmp_path / "root.pem"), "https://tsa.example/": other.url,
        "tsa add digicert": f"tsa add {other.url} --yes",
    }  # fmt: skip
    try:
        commands = replaced(script("docs/proofs.md"), names).splitlines()
        by_shell = [line for line in commands if not line.startswith("pumpkin ")]
        told = in_process("\n".join(line for line in commands if line not in by_shell), tmp_path, address(running))
        in_shell("\n".join(by_shell), tmp_path)
    finally:
        other.close()
    assert "proven" in told


@executes("docs/operations.md", "sh")
def test_the_unit_is_installed_and_a_backup_restored(running: Product, tmp_path: Path) -> None:
    for folder in ("etc/systemd/system", "opt", "backups", "root"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    for file in ("passwd", "group", "shadow", "gshadow"):
        (tmp_path / "etc" / file).touch()
    (tmp_path / "root" / "backup-passphrase").write_text("some words\n")
    # the root folder of a machine that is to get it; the commands are the real ones, told where that is
    before = f"""
    useradd() {{ command useradd --prefix {tmp_path} "$@"; }}
    systemctl() {{ [ "$1 $2" = "enable --now" ] && command systemctl --root={tmp_path} enable "${{@:3}}"; }}
    """
    names = {
        "/etc/systemd/system/": f"{tmp_path}/etc/systemd/system/", "/backups/": f"{tmp_path}/backups/",
        "/root/backup": f"{tmp_path}/root/backup", "--data /var/lib/pumpkin": f"--data {tmp_path}/restored",
    }  # fmt: skip
    commands = "\n".join(block.text for block in blocks("docs/operations.md", "sh"))
    in_shell(replaced(commands, names), tmp_path, {"PUMPKIN_DATA": str(running.data)}, before=before)
    assert (tmp_path / "etc/passwd").read_text().startswith("pumpkin:")
    assert (tmp_path / "etc/systemd/system/multi-user.target.wants/pumpkin.service").is_symlink()
    assert (tmp_path / "restored" / "log-key.pem").read_text() == (running.data / "log-key.pem").read_text()
    unit = tmp_path / "checked" / "pumpkin.service"
    unit.parent.mkdir()
    text = (ROOT / "docs" / "deploy" / "pumpkin.service").read_text()
    unit.write_text(re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={Path(sys.executable).parent}/pumpkin", text))
    checked = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert "pumpkin.service" not in checked.stderr, checked.stderr


@executes("docs/migration.md", "sh")
async def test_migration(running: Product, postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    addresses = {}
    for name, tables in (("SCANDALE_DSN", SCANDALE), ("PACKAMAL_DSN", PACKAMAL)):
        database = f"old_{uuid.uuid4().hex[:8]}"
        connection = await asyncpg.connect(postgres.dsn())
        await connection.execute(f"create database {database}")
        await connection.close()
        addresses[name] = postgres.dsn(database)
        connection = await asyncpg.connect(addresses[name])
        await connection.execute(tables)
        if name == "SCANDALE_DSN":
            await connection.execute("insert into items (scan_data) values ($1)", json.dumps(item("dXA=")[1]))
        await connection.close()
    shutil.copy(running.data / "tsa-root.pem", tmp_path / "old-authority.pem")
    names = {f'"${name}"': value for name, value in (address(running) | addresses).items()}
    commands = script("docs/migration.md")
    named = replaced(commands, {old: new for old, new in names.items() if old in commands})
    told = await asyncio.to_thread(in_process, named, tmp_path)
    assert "nightly" in told


@executes("docs/errors.md", "json")
def test_the_shape_of_errors(running: Product) -> None:
    (block,) = blocks("docs/errors.md", "json")
    status, _, content = running.request("/api/v1/checks", key=running.key("checks:write"), body={"type": 5})
    said, shown = json.loads(content), json.loads(block.text)
    assert status == 400
    assert shown.keys() <= said.keys()
    assert {name: said[name] for name in ("success", "error", "code")} == {
        name: shown[name] for name in ("success", "error", "code")
    }


@executes("docs/topics.md", "json")
async def test_the_shape_of_alerts(running: Product) -> None:
    (block,) = blocks("docs/topics.md", "json")
    shown = json.loads(block.text)
    (running.data / "alerts.toml").write_text(
        'version = 1\n[[rule]]\nname = "down"\nkind = "expected"\n[rule.select]\ntype = "shape"\n'
    )
    key = running.key("admin", "checks:write")
    while not any(one["name"] == "down" for one in running.json("/api/v1/rules", key=key)["data"]["rules"]):
        await asyncio.sleep(0.1)
    body = {"type": "shape", "format": "text", "payload": {"text": "x"}, "status": "critical"}
    async with (
        aiohttp.ClientSession(running.url, headers={"X-API-Key": key}) as session,
        session.ws_connect("/api/v1/events?topics=alert.raised") as events,
    ):
        await asyncio.to_thread(running.json, "/api/v1/checks", key=key, body=body)
        said = (await events.receive_json(timeout=20))["data"]
    assert said.keys() == shown.keys()
    assert said["checks"][0].keys() == shown["checks"][0].keys()
    assert said["record"].keys() == shown["record"].keys()
