"""`pumpkin agent update`: probes update themselves to this server's version; the running server tells them."""

from __future__ import annotations

import getpass
from pathlib import Path

import click

from pumpkin.adapters.kit import Kits
from pumpkin.commands.aim import aimed
from pumpkin.commands.options import config_option, data_option, json_option
from pumpkin.commands.place import answer, database, load, work
from pumpkin.errors import StartError
from pumpkin.model.assignments import Targets
from pumpkin.model.updates import offered
from pumpkin.store import updates


@click.command("update")
@click.argument("jids", metavar="[JID]...", nargs=-1)
@aimed
@data_option
@config_option
@json_option
def agent_update(targets: Targets, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Tell probes that the enrolment line installed to update themselves: these JIDs, or by tag, duty, site, or all."""
    settings = load(data, config)
    try:
        version, kits = offered(Kits(settings.data / "kits").all())
    except StartError as error:
        raise click.ClickException(error.message) from None

    async def run() -> list[str]:
        async with database(settings) as db:
            return await updates.tell(db, targets, version, kits, f"command line ({getpass.getuser()})")

    told = work(run)
    text = f"{len(told)} probe(s) are told to update to {version}; those that are away learn so when they come back."
    answer({"version": version, "kits": kits, "agents": told}, as_json, text)
