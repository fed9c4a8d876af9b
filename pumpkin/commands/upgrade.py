"""`pumpkin upgrade`: the schema brought forward, and the embedded PostgreSQL to a newer major version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from pumpkin.adapters.embedded.upgrade import majors
from pumpkin.adapters.embedded.upgrade import upgrade as upgrade_postgres
from pumpkin.commands.place import answer, config_option, data_option, json_option, load, work
from pumpkin.errors import StartError
from pumpkin.settings import Settings
from pumpkin.store.database import migrate


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@data_option
@config_option
@json_option
def upgrade(dry_run: bool, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Bring data forward to this version: tables, and the embedded PostgreSQL to the newest major version at hand.

    A start brings the tables forward by itself; the major version changes only here, with the server stopped. The old
    cluster stays as postgres-N.old in the data folder until you remove it. Take a backup first.
    """
    settings = load(data, config)
    done = work(lambda: _upgrade(settings, dry_run))
    would = "would be" if dry_run else "were"
    lines = [f"{len(done['migrations'])} migrations {would} applied: {', '.join(done['migrations']) or 'none'}"]
    if done["postgresql"]:
        lines.append("PostgreSQL {from} -> {to}".format(**done["postgresql"]) + (" would be done" if dry_run else ""))
    if done["old"]:
        lines.append(f"the old cluster lies in {done['old']}; remove it when all is well")
    answer(done, as_json, "\n".join(lines))


async def _upgrade(settings: Settings, dry_run: bool) -> dict[str, Any]:
    done: dict[str, Any] = {"migrations": [], "postgresql": None, "old": None}
    if settings.database:
        done["migrations"] = await migrate(settings.database, dry_run=dry_run)
        return done
    found = majors(settings.data)
    if found is None:
        raise StartError(f"There is no Pumpkin in {settings.data}; name its folder by --data.")
    if found.newest > found.kept:
        done["postgresql"] = {"from": found.kept, "to": found.newest}
        if not dry_run:
            done["old"] = str(await upgrade_postgres(settings.data, found))
    postgres = EmbeddedPostgres(settings.data)
    running = postgres.running_dsn()
    dsn = running or await postgres.start()
    try:
        done["migrations"] = await migrate(dsn, dry_run=dry_run)
    finally:
        if not running:
            await postgres.stop()
    return done
