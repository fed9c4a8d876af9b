"""The verifier's table of cases made by openssl alone (openssl-cases.sh): expected code against the one given."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pumpkin.evidence import tsp

SCRIPT = Path(__file__).parent / "openssl-cases.sh"
LATER = int(datetime(2040, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("cases")
    done = subprocess.run(["bash", str(SCRIPT), str(made)], timeout=100, check=False)
    assert done.returncode == 0, (made / "errors.txt").read_text()[-2_000:]
    return made


def judged(folder: Path, response: str, how: str) -> str:
    given = dict(one.split("=", 1) for one in how.split())
    files: dict[str, Any] = {
        name: [(folder / one).read_bytes() for one in given.get(name, usual).split(",") if one]
        for name, usual in (("roots", "root.pem"), ("untrusted", ""), ("crls", ""))
    }
    at = LATER if "at" not in given else int(datetime(int(given["at"]), 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
    return tsp.verify(
        (folder / response).read_bytes(),
        data=(folder / given.get("data", "data")).read_bytes(),
        query=(folder / given["query"]).read_bytes() if "query" in given else None,
        policy=given.get("policy"),
        at=at,
        **files,
    ).code


def test_every_case_gives_its_code(folder: Path) -> None:
    """Shown with -s: the table."""
    rows = [line.split("\t") for line in (folder / "cases.tsv").read_text().splitlines()]
    table = [(name, wanted, judged(folder, response, how)) for name, wanted, response, how in rows]
    for name, wanted, given in table:
        print(f"{name:<44} {wanted:<16} {given:<16} {'' if wanted == given else 'WRONG'}")
    assert len(table) >= 60
    assert len({name for name, _, _ in table}) == len(table)
    assert [row for row in table if row[1] != row[2]] == []
