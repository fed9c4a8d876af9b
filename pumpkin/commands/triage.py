"""`pumpkin rescore` and `pumpkin triage`: reports weighed anew, and people's word on their findings."""

from __future__ import annotations

import getpass
import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from pumpkin.analysis import packs
from pumpkin.analysis import triage as words
from pumpkin.analysis.static import ruleset
from pumpkin.commands.place import answer, config_option, data_option, database, json_option, load, work
from pumpkin.commands.scan import scanned
from pumpkin.model.findings import Finding
from pumpkin.store import triage as store

REPORT_LIMIT = 256 * 1024 * 1024


def read(path: Path) -> dict[str, Any]:
    """A report from its file; ClickException when it is none."""
    try:
        if path.stat().st_size > REPORT_LIMIT:
            raise ValueError
        value = json.loads(path.read_bytes())
        if not isinstance(value["findings"], list) or not isinstance(value["artifact"], dict):
            raise TypeError
        return dict(value)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise click.ClickException("This file is no report: JSON with `findings` and `artifact` is expected.") from None


@click.command()
@click.argument("report", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--artifact", type=click.Path(path_type=Path, exists=True), help="Scan this artifact of it again as well."
)
@click.option("--write", is_flag=True, help="Write the outcome back into REPORT; earlier verdicts are kept in it.")
@data_option
@json_option
def rescore(report: Path, artifact: Path | None, write: bool, data: Path | None, as_json: bool) -> None:
    """Weigh the evidence of an old REPORT by the rules of today; both verdicts are kept, dated."""
    value, folder = read(report), load(data).data / "rules"
    fresh = scanned(artifact, folder).as_json() if artifact is not None else None
    try:
        made = words.rescored(value, rules=ruleset(packs.load(folder)), now=datetime.now(UTC), fresh=fresh)
    except (ValueError, KeyError, TypeError) as error:
        raise click.ClickException(f"This report cannot be weighed anew: {error}") from None
    if write:
        report.write_text(json.dumps(made, indent=2, default=str), "utf-8")
    before, after = words.changed(made)
    same = "as before" if before is after else f"before: {before}"
    answer(made, as_json, f"{value['artifact'].get('name')}: {after}, score {made['score']} of 100 ({same})")


@click.group()
def triage() -> None:
    """Mark a finding reviewed or suppressed, with a reason and an end; each word stands in the audit trail."""


@triage.command("findings")
@click.argument("report", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@json_option
def list_findings(report: Path, as_json: bool) -> None:
    """The findings of REPORT with the ids by which they are marked."""
    found = [Finding.of(one) for one in read(report)["findings"]]
    listed = [{"id": str(words.mark_of(one)), **one.as_json()} for one in found]
    lines = [f"{one['id']}  {one['level']:<8} {one['reason']}  {one['file']}:{one['line']}" for one in listed]
    answer(listed, as_json, "\n".join(lines))


@triage.command("add")
@click.argument("report", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("finding", type=click.UUID)
@click.option("--state", type=click.Choice([str(one) for one in words.State]), default="reviewed", show_default=True)
@click.option("--reason", required=True, help="Why, for whoever reads it in a year.")
@click.option("--days", type=click.IntRange(1, 3650), help="The mark ends after these days.  [default: never]")
@data_option
@config_option
@json_option
def add(
    report: Path, finding: uuid.UUID, state: str, reason: str, days: int | None, data: Path | None, config: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Mark FINDING (an id as `triage findings` shows it) of the package of REPORT."""
    value, settings = read(report), load(data, config)
    if finding not in {words.mark_of(Finding.of(one)) for one in value["findings"]}:
        raise click.ClickException("The report has no such finding; `pumpkin triage findings REPORT` lists them.")
    package, by = words.package_of(value["artifact"]), f"shell:{getpass.getuser()}"
    until = datetime.now(UTC) + timedelta(days=days) if days else None

    async def job() -> None:
        async with database(settings) as db:
            await store.put(db, package=package, finding=finding, state=state, reason=reason, by=by, until=until)

    work(job)
    told = {"package": package, "finding": str(finding), "state": state, "until": until.isoformat() if until else None}
    answer(told, as_json, f"{package}: {state}{f' until {until:%Y-%m-%d}' if until else ''}")


@triage.command("list")
@data_option
@config_option
@json_option
def list_marks(data: Path | None, config: Path | None, as_json: bool) -> None:
    """All marks there are, newest first."""
    settings = load(data, config)

    async def job() -> list[dict[str, Any]]:
        async with database(settings) as db:
            return await store.of(db)

    marks: list[dict[str, Any]] = work(job)
    lines = [f"{one['package']}  {one['finding']}  {one['state']}  {one['by']}: {one['reason']}" for one in marks]
    answer(marks, as_json, "\n".join(lines) or "no finding is marked")


@triage.command("remove")
@click.argument("package")
@click.argument("finding", type=click.UUID)
@data_option
@config_option
@json_option
def remove(package: str, finding: uuid.UUID, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Take the mark on FINDING of PACKAGE (`pypi/six`) back."""
    settings = load(data, config)

    async def job() -> bool:
        async with database(settings) as db:
            return await store.drop(db, package=package, finding=finding, by=f"shell:{getpass.getuser()}")

    if not work(job):
        raise click.ClickException("There is no such mark.")
    told = {"package": package, "finding": str(finding), "removed": True}
    answer(told, as_json, f"{package}: the mark is taken back")
