"""`pumpkin erase`: removes a check's payload, keeps its proof, and logs the act."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from pumpkin import eraser
from pumpkin.commands.place import answer, config_option, data_option, database, json_option, load, work


@click.command()
@click.argument("ids", nargs=-1, required=True, type=click.UUID, metavar="UUID...")
@click.option("--reason", default="", help="Why, as it will stand in the log.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@data_option
@config_option
@json_option
def erase(ids: tuple[UUID, ...], reason: str, yes: bool, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Remove the payload of a check for ever; its record, its place in the log and its proof stand.

    What is removed: payload, salt, parsed results, what came over the wire, the message that carried it. Copies that
    were downloaded, and backups, are yours to remove. The act is noted, and is itself a check in the log.
    """
    settings = load(data, config)
    if not yes:
        click.confirm(f"Remove the payload of {len(ids)} check(s) for ever?", abort=True)

    async def job() -> list[dict[str, Any]]:
        who = f"user:{getpass.getuser()}"
        async with database(settings) as db:
            return [{"id": str(one), "seq": await eraser.erase(db, one, who=who, reason=reason)} for one in ids]

    done = work(job)
    answer({"erased": done}, as_json, "\n".join(f"erased {one['id']} (record {one['seq']})" for one in done))
