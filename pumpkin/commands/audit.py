"""`pumpkin audit`: reads the whole log again and says what does not fit."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from pumpkin.commands.place import config_option, data_option, database, json_option, load, work
from pumpkin.evidence.audit import Audit, Row
from pumpkin.evidence.checkpoint import VerifierKey
from pumpkin.settings import Settings
from pumpkin.store import auditing, checks, proofs

STRETCH = 5_000
SHOWN = ("id", "kind", "type", "format", "agent", "key_id", "observed", "received", "after", "media", "size")


@click.command()
@data_option
@config_option
@json_option
def audit(data: Path | None, config: Path | None, as_json: bool) -> None:
    """Check every record against its leaf, every checkpoint and stamp against the tree, every shown column and payload
    against the record. Ends with 0 when all fits, 1 when something was edited, removed, reordered or cut off.
    """
    settings = load(data, config)
    found = work(lambda: _audit(settings, quiet=as_json))
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        for fault in found["faults"]:
            click.echo(f"record {fault['index']}: {fault['kind']}")
        click.echo(f"{found['records']} records: " + ("all fits" if found["ok"] else f"{len(found['faults'])} faults"))
    sys.exit(0 if found["ok"] else 1)


async def _audit(settings: Settings, *, quiet: bool) -> dict[str, Any]:
    vkey = settings.data / "log-key.vkey"
    key = VerifierKey.parse(vkey.read_text("utf-8").strip()) if vkey.exists() else None
    async with database(settings) as db:
        size = await checks.size(db)
        newest = await proofs.latest_checkpoint(db)
        heads = await proofs.checkpoints(db, 0, newest.size) if newest else []
        pass_ = Audit(heads, key)
        with Progress(console=Console(stderr=True), transient=True, disable=quiet) as bar:
            task = bar.add_task("records", total=size)
            for start in range(0, size, STRETCH):
                rows = await auditing.rows(db, start, min(start + STRETCH, size))
                pass_.feed(_row(row) for row in rows)
                bar.update(task, completed=start + len(rows))
        faults = pass_.finish(await auditing.stamps(db))
    return {"ok": not faults, "records": pass_.records, "faults": [fault.as_json() for fault in faults]}


def _row(row: Any) -> Row:
    shown = {name: str(row[name]) if name == "id" else row[name] for name in SHOWN}
    return Row(
        *(row["seq"], row["record"], row["leaf_hash"], row["group_hash"], row["payload"], row["payload_salt"]),
        shown=shown,
        detail=row["detail"],
    )
