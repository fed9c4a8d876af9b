"""`pumpkin scan` and `explain`: look into packages with no server and no network."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from pumpkin.adapters.scanner import Scanner
from pumpkin.analysis import outputs, static
from pumpkin.analysis import packs as rule_packs
from pumpkin.analysis.archive import is_archive
from pumpkin.analysis.scans import Scan
from pumpkin.commands.place import answer, data_option, json_option, load
from pumpkin.model.findings import Level, Outcome, plain

ARTIFACT_LIMIT = 512 * 1024 * 1024
FOLDER_LIMIT = 20_000
REPORT_LIMIT = 256 * 1024 * 1024
MEMBER_LIMIT = 32 * 1024 * 1024
THRESHOLDS = {"malicious": 3, "suspicious": 2, "never": 9}
_GRAVITY = {Outcome.CLEAN: 0, Outcome.INCOMPLETE: 1, Outcome.SUSPICIOUS: 2, Outcome.MALICIOUS: 3}
FORMATS = ("json", "sarif", "stix", "misp", "cyclonedx", "osv", "html")
_SKIPPED = {".git", "__pycache__", ".hg", ".svn"}


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--fail-on", type=click.Choice(sorted(THRESHOLDS)), default="malicious", show_default=True,
              help="Ends 1 from this outcome on.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(FORMATS), help="Answer in this format instead.")
@json_option
@data_option
def scan(path: Path, fail_on: str, form: str | None, as_json: bool, data: Path | None) -> None:
    """Say what the package at PATH (an archive or a folder) does, without running any of it.

    Archives are read in a confined process of their own.

    \b
    Ends with 0  below the threshold of --fail-on
              1  at or above it
              3  incomplete: something could not be looked at
              4  unreadable
    """
    try:
        report = scanned(path, packs_folder(data))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        answer({"outcome": None, "error": reason}, as_json, f"{path}: cannot be read: {reason}")
        sys.exit(4)
    if form is not None:
        click.echo(outputs.write(report.as_json(), form), nl=False)
    else:
        answer(report.as_json(), as_json, _told(report))
    if _GRAVITY.get(report.verdict.outcome, 1) >= THRESHOLDS[fail_on]:
        sys.exit(1)
    sys.exit(3 if report.verdict.outcome is Outcome.INCOMPLETE else 0)


def scanned(path: Path, packs: Path) -> Scan:
    if path.is_dir():
        files, gaps = folder(path)
        return static.scan_files(files, shown(Path(path.name)), gaps=gaps, packs=rule_packs.load(packs))
    size = path.stat().st_size
    if size > ARTIFACT_LIMIT:
        raise ValueError(f"larger than {ARTIFACT_LIMIT} bytes")
    data = path.read_bytes()
    if not is_archive(data[:512]) and path.suffix in (".py", ".js", ".mjs", ".cjs", ".pth", ".sh", ".json"):
        return static.scan_files({path.name: data}, shown(Path(path.name)), packs=rule_packs.load(packs))
    if not is_archive(data[:512]) and b"PK\x05\x06" not in data[-66_000:]:
        raise ValueError("neither an archive of a known format nor a source file")
    scan: Scan = asyncio.run(_confined(data, shown(Path(path.name)), packs))
    return scan


async def _confined(data: bytes, name: str, packs: Path) -> Scan:
    async with Scanner(packs=packs) as scanner:
        return await scanner.scan(data, name)


def folder(path: Path) -> tuple[dict[str, bytes], list[str]]:
    """The regular files below a folder by relative path, links not followed; what was left out."""
    files: dict[str, bytes] = {}
    gaps: list[str] = []
    total = 0
    for root, folders, names in os.walk(path, followlinks=False):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        for name in sorted(names):
            place = Path(root) / name
            if place.is_symlink() or not place.is_file():
                continue
            size = place.stat().st_size
            total += size
            if len(files) >= FOLDER_LIMIT or total > ARTIFACT_LIMIT:
                return files, [*gaps, "more files than are looked at"]
            if size > MEMBER_LIMIT:
                if place.suffix in (".py", ".js", ".json", ".sh"):
                    gaps.append(f"{shown(place.relative_to(path))}: larger than {MEMBER_LIMIT} bytes")
                continue
            files[shown(place.relative_to(path))] = place.read_bytes()
    return files, gaps


def shown(path: Path) -> str:
    """A path as text that every encoding has; bytes that are no UTF-8 as escapes."""
    return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")


def packs_folder(data: Path | None) -> Path:
    """Where the rule packs of this installation lie."""
    return load(data).data / "rules"


def _told(report: Scan) -> str:
    lines = [f"{report.artifact['name']}: {report.verdict.outcome} (score {report.verdict.score} of 100)"]
    shown = [f for f in report.findings if f.level.rank >= Level.LOW.rank][:20]
    lines += [f"  {f.level:<8} {f.reason}  [{f.rule}] {f.file}:{f.line}\n           {f.quote}" for f in shown]
    lines += [f"  not looked at: {what}" for what in report.verdict.not_checked[:10]]
    return "\n".join(plain(lines))


@click.command()
@click.argument("report", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@json_option
def explain(report: Path, as_json: bool) -> None:
    """Say in words how the verdict of a REPORT (the JSON of `scan` or `analyze`, or a server's own) came about."""
    try:
        if report.stat().st_size > REPORT_LIMIT:
            raise ValueError
        lines = _explained(json.loads(report.read_bytes()), report.name)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise click.ClickException(
            "This file is no report: JSON with `outcome`, `score` and `findings` is expected."
        ) from None
    answer({"lines": plain(lines)}, as_json, "\n".join(plain(lines)))


def _explained(value: dict[str, Any], file: str) -> list[str]:
    if "analysis_results" in value:  # a server's report: the verdict is a part of its own
        results, about = value["analysis_results"], value["metadata"]
        value = {**results["verdict"], "findings": results["findings"], "artifact": {"name": about["purl"]},
                 "previous_verdicts": results.get("previous_verdicts", [])}  # fmt: skip
    name = value.get("artifact", {}).get("name") or file
    lines = [f"{name}: {value['outcome']}, score {value['score']} of 100"]
    groups = value.get("groups", {})
    if groups:
        lines.append("The strongest finding of each group counts; groups combine as 1 - prod(1 - weight):")
    for group, weight in groups.items():
        best = next((one for one in value["findings"] if one["group"] == group), None)
        lines.append(f"  {group:<12} {weight:.2f}  {best['reason'] if best else ''}")
    lines += [f"  - {line}" for line in value.get("why", [])]
    lines += [f"  not looked at: {line}" for line in value.get("not_checked", [])]
    lines += [f"  by rule set {value['rules']}"] if value.get("rules") else []
    for before in value.get("previous_verdicts", []):
        lines.append(f"  before ({before.get('at')}): {before['outcome']}, score {before['score']} of 100")
    return lines
