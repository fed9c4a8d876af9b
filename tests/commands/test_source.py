"""`pumpkin source` compares archives, folders and purls with repositories, and says what it could not ask."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pumpkin.commands.source import source
from tests.acceptance.index import wheel
from tests.analysis.hostile import entry, tar_of
from tests.registries.fake import FakeRegistry

BODY = b"def answer():\n    return 42  # a body that is long enough to prove something\n"
MORE = b"def question():\n    return 6 * 9  # another body that is long enough to prove\n"
PAPER = b"Metadata-Version: 2.1\nName: thing\nVersion: 1.0\nProject-URL: Source, https://github.com/owner/thing\n"
ATTESTED = Path(__file__).parents[1] / "analysis/attestations/pypi_attestations-0.0.19.tar.gz.provenance"


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUMPKIN_DATA", str(tmp_path / "data"))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    place = tmp_path / "project"
    place.mkdir()
    (place / "a.py").write_bytes(BODY)
    who = ("git", "-c", "user.name=a", "-c", "user.email=a@b.invalid")
    for argv in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"], ["tag", "v1.0"]):
        subprocess.run([*who, *argv], cwd=place, check=True, capture_output=True)
    return place


def sdist(place: Path, **files: bytes) -> Path:
    path = place / "thing-1.0.tar.gz"
    members = [(entry(f"thing-1.0/{name}"), data) for name, data in {"PKG-INFO": PAPER, **files}.items()]
    path.write_bytes(tar_of(*members))
    return path


def told(*argv: str) -> tuple[int, dict[str, Any]]:
    ran = CliRunner().invoke(source, [*argv, "--json"])
    return ran.exit_code, json.loads(ran.stdout)


@pytest.mark.parametrize(
    ("files", "state", "code"),
    [({"a.py": BODY}, "verified", 0), ({"a.py": BODY, "evil.py": MORE}, "partly", 1), ({"b.py": MORE}, "mismatch", 1)],
)
def test_an_archive_is_compared_with_a_folder(
    tmp_path: Path, repository: Path, files: dict[str, bytes], state: str, code: int
) -> None:
    ended, value = told(str(sdist(tmp_path, **files)), "--repo", str(repository))
    assert ended == code
    assert (value["state"], value["version"], value["candidates"][0]["url"]) == (
        state, "1.0", "https://github.com/owner/thing",
    )  # fmt: skip
    assert value["provenance"]["state"] == "none"


def test_what_cannot_be_asked_is_said_and_never_a_success(tmp_path: Path, repository: Path) -> None:
    path = str(sdist(tmp_path, **{"a.py": BODY}))
    code, value = told(path, "--repo", "https://forge.invalid/owner/thing")
    assert (code, value["state"]) == (3, "claimed")
    assert "forge.invalid cannot be found; is there a network?" in value["faults"][0]
    code, value = told(path, "--repo", "http://forge.invalid/owner/thing")
    assert (code, "no plain https" in value["faults"][0]) == (3, True)
    code, value = told(path, "--repo", str(tmp_path / "nowhere"))
    assert (code, bool(value["faults"])) == (3, True)
    assert told(path, "--offline")[:1] == (0,)


def test_one_signed_for_another_file_ends_one(tmp_path: Path) -> None:
    path = str(sdist(tmp_path, **{"a.py": BODY}))
    code, value = told(path, "--offline", "--attestation", str(ATTESTED))
    assert (code, value["provenance"]["state"]) == (1, "wrong")
    broken = tmp_path / "broken.json"
    broken.write_bytes(b"\xff[")
    code, value = told(path, "--offline", "--attestation", str(broken))
    assert (code, value["provenance"]["state"]) == (0, "present")


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x05\x06"])
def test_what_is_no_archive_ends_four(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.whl"
    path.write_bytes(content)
    assert CliRunner().invoke(source, [str(path)]).exit_code == 4
    assert CliRunner().invoke(source, [str(tmp_path / "none.whl")]).exit_code == 4


async def test_a_purl_is_fetched_with_what_was_signed(tmp_path: Path, repository: Path) -> None:
    fake = FakeRegistry()
    file = "thing-1.0-py3-none-any.whl"
    fake.publish("pypi", "thing", "1.0", files={file: wheel("thing", "1.0"), f"x{file}": b""}, extra={"signed": file})
    config = tmp_path / "pumpkin.toml"
    async with fake.running():
        config.write_text(f'[registries]\npypi = "{fake.base}/pypi/simple"\n')
        argv = (
            "-m",
            "pumpkin",
            "source",
            "pkg:pypi/thing",
            "--repo",
            str(repository),
            "--config",
            str(config),
            "--json",
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable, *argv, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
        )
        out, _ = await process.communicate()
    value = json.loads(out)
    assert (value["purl"], value["artifact"]["name"], value["provenance"]["state"], process.returncode) == (
        "pkg:pypi/thing@1.0", file, "present", 3,
    )  # fmt: skip
