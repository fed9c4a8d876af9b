"""`pumpkin job`: what is assigned to probes, from the command line; the running server delivers the orders."""

from __future__ import annotations

import getpass
import json
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from pumpkin.commands.aim import aimed
from pumpkin.commands.options import config_option, data_option, json_option
from pumpkin.commands.place import answer, database, load, work
from pumpkin.errors import InvalidRequest, NotFound
from pumpkin.model.assignments import Targets, assignable, name_of, shareable
from pumpkin.model.jobs import Job
from pumpkin.store import assignments, audit, pools

NUMBER = click.IntRange(1, 2**63 - 1)


@click.group()
def job() -> None:
    """Jobs of probes: assign, change, list and take back."""


def _document(given: str) -> dict[str, Any]:
    """A job from a file (JSON or TOML), or as JSON on the command line."""
    path = Path(given)
    found: Any
    if given.lstrip().startswith("{"):
        found = json.loads(given)
    else:
        text = path.read_text("utf-8")
        found = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("not one object")
    return found


def _job(given: str, fits: Callable[[dict[str, Any]], Job] = assignable) -> dict[str, Any]:
    try:
        found = _document(given)
        fits(found)
    except InvalidRequest as error:
        raise click.ClickException(error.message) from None
    except OSError as error:
        said = f"{given[:200]}: {error.strerror}"
        raise click.BadParameter(f'{said}; give a file or JSON, for instance \'{{"use": "system"}}\'') from None
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f'{error}; give a file or JSON, for instance \'{{"use": "system"}}\'') from None
    return found


@job.command("add")
@click.argument("job")
@click.option("--to", "jids", multiple=True, metavar="JID", help="This agent; may be given more than once.")
@aimed
@data_option
@config_option
@json_option
def job_add(job: str, targets: Targets, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Assign JOB (a file, or JSON) from now on: `pumpkin job add '{"use": "system", "period": 60}' --tag roof`."""
    document = _job(job)

    async def run() -> int:
        async with database(load(data, config)) as db:
            ident = await assignments.add(db, document, targets, _who())
            detail = {"job": document, "targets": targets.as_json()}
            await audit.add(db, who=_who(), act="job.assign", object=f"job:{ident}", detail=detail)
            return ident

    ident = work(run)
    name = name_of(ident, document)
    answer({"id": ident, "name": name}, as_json, f"Job {ident} ({name}) is assigned to {targets.as_text()}.")


@job.command("change")
@click.argument("number", type=NUMBER)
@click.argument("job")
@data_option
@config_option
@json_option
def job_change(number: int, job: str, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Put another JOB in the place of job NUMBER."""
    document = _job(job)

    async def run() -> None:
        async with database(load(data, config)) as db:
            if not await assignments.change(db, number, document):
                raise NotFound(f"There is no job {number} that stands; `pumpkin job list` names all.")
            await audit.add(db, who=_who(), act="job.change", object=f"job:{number}", detail={"job": document})

    work(run)
    answer({"id": number}, as_json, f"Job {number} is changed; absent probes learn so when they come back.")


@job.command("remove")
@click.argument("number", type=NUMBER)
@data_option
@config_option
@json_option
def job_remove(number: int, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Take job NUMBER back; its checks stay."""

    async def run() -> None:
        async with database(load(data, config)) as db:
            if not await assignments.end(db, number):
                raise NotFound(f"There is no job {number} that stands; `pumpkin job list` names all.")
            await audit.add(db, who=_who(), act="job.end", object=f"job:{number}", detail={})

    work(run)
    answer({"id": number, "ended": True}, as_json, f"Job {number} is taken back.")


@job.command("list")
@data_option
@config_option
@json_option
def job_list(data: Path | None, config: Path | None, as_json: bool) -> None:
    """Show the jobs that stand, and the probes that do not run what they were ordered."""

    async def run() -> tuple[list[Any], list[Any]]:
        async with database(load(data, config)) as db:
            return await assignments.standing(db), [
                one for one in await assignments.placed(db) if one.version and one.running != one.version
            ]

    standing, behind = work(run)
    shown = {
        "jobs": [
            {"id": one.id, "name": one.name, "job": one.job, "targets": one.targets.as_json()} for one in standing
        ],
        "drift": [{"jid": one.jid, "order": one.version, "running": one.running} for one in behind],
    }
    lines = [f"{one.id:>5}  {one.name:<30} {one.targets.as_text()}" for one in standing] or ["No job is assigned."]
    lines += [f"drift: {one.jid} runs {one.running or 'no'} order, not {one.version}" for one in behind]
    answer(shown, as_json, "\n".join(lines))


@job.command("share")
@click.argument("pool")
@click.argument("jobs", nargs=-1, required=True)
@click.option("--duty", required=True, help="Whose agents work at the list.")
@data_option
@config_option
@json_option
def job_share(pool: str, jobs: Sequence[str], duty: str, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Put JOBS (files or JSON, run once each) at the end of the list POOL that agents of a duty share."""
    documents = [_job(one, shareable) for one in jobs]

    async def run() -> None:
        async with database(load(data, config)) as db:
            await pools.add(db, pool, duty, documents, _who())
            detail = {"duty": duty, "jobs": len(documents)}
            await audit.add(db, who=_who(), act="pool.add", object=f"pool:{pool}", detail=detail)

    work(run)
    answer({"name": pool, "added": len(documents)}, as_json, f"{len(documents)} job(s) more in {pool}.")


def _who() -> str:
    return f"command line ({getpass.getuser()})"
