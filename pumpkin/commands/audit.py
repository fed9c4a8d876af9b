"""`pumpkin audit`: reads the whole log again and says what does not fit, and where."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from pumpkin import auditor
from pumpkin.commands.place import config_option, data_option, database, json_option, load, work
from pumpkin.errors import InvalidRequest
from pumpkin.evidence.checkpoint import VerifierKey
from pumpkin.settings import Settings
from pumpkin.store import checks, faults

WORDS = {
    "gap": "a record is missing here, or records stand out of order",
    "leaf": "the record was edited: it does not hash to its leaf",
    "group": "record and payload do not hash to the group hash kept for them",
    "payload": "the payload was edited: it is not the one the record commits to",
    "detail": "the detail was edited: it is not the one the record commits to",
    "lost": "the payload was removed, and nobody noted an erasure (`pumpkin erase` does)",
    "row": "a column that pages show was edited: it differs from the record",
    "root": "from here on the leaves do not give the signed root: edited, removed or swapped with their hashes",
    "checkpoint": "the checkpoint that begins here was edited or is not signed by the log's key",
    "groups": "the group hashes from here on do not give the checkpoint's group root",
    "truncated": "the log ends here, but a checkpoint counts more records: it was cut off",
    "anchor": "the stamp that begins here is over something else",
    "fork": "a checkpoint kept elsewhere says another history up to here",
    "tile": "a tile served to monitors from here on is not that of the leaves",
}
CREW_FROM = 50_000
KEPT = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.option(
    "--from", "start", type=click.IntRange(0), default=0, help="Audit from this record on, not the whole log."
)
@click.option("--to", "stop", type=click.IntRange(1), help="Audit up to (not with) this record.")
@click.option("--checkpoint", "kept", multiple=True, type=KEPT, help="A checkpoint you kept; may repeat.")
@data_option
@config_option
@json_option
def audit(
    start: int, stop: int | None, kept: tuple[Path, ...], data: Path | None, config: Path | None, as_json: bool
) -> None:
    """Check every record against its leaf, every checkpoint, tile and stamp against the tree, every shown column and
    payload against the record, and the log against checkpoints kept elsewhere.

    Ends with 0 when all fits, 1 when something was edited, removed, reordered or cut off; what is found is shown on the
    page of proofs too, until an administrator settles it there.
    """
    settings = load(data, config)
    notes = [path.read_text("utf-8", "replace") for path in kept]
    found = work(lambda: _audit(settings, start, stop, notes, quiet=as_json))
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        for fault in found["faults"]:
            click.echo(f"record {fault['index']}: {fault['kind']}: {WORDS[fault['kind']]}")
        rate = f"{found['records'] / max(found['seconds'], 1e-9):,.0f} a second"
        words = "all fits" if found["ok"] else f"{len(found['faults'])} faults"
        click.echo(
            f"{found['records']:,} records from {found['start']:,} in {found['seconds']:.1f} s ({rate}): {words}"
        )
    sys.exit(0 if found["ok"] else 1)


@contextmanager
def crew(dsn: str, records: int) -> Iterator[auditor.Crew | None]:
    """Two processes that look at the rows of a log so long that starting them pays; PostgreSQL itself takes little."""
    if records < CREW_FROM:
        yield None
        return
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        yield lambda start, stop: asyncio.wrap_future(pool.submit(auditor.look_at, dsn, start, stop))


async def _audit(settings: Settings, start: int, stop: int | None, kept: list[str], *, quiet: bool) -> dict[str, Any]:
    vkey = settings.data / "log-key.vkey"
    key = VerifierKey.parse(vkey.read_text("utf-8").strip()) if vkey.exists() else None
    former = [VerifierKey.parse(one.read_text("utf-8").strip()) for one in settings.data.glob("log-key.*.vkey")]
    async with database(settings) as db:
        size = await checks.size(db)
        hidden = quiet or not sys.stderr.isatty()
        shown = click.progressbar(
            length=max(size - start, 0), label="records", show_pos=True, hidden=hidden, file=sys.stderr
        )
        with shown as bar:

            async def told(count: int) -> None:
                bar.update(count)

            began = time.monotonic()
            try:
                with crew(db.dsn, size) as hands:
                    found = await auditor.audit(
                        db, key, start=start, stop=stop, kept=kept, former=former, told=told, crew=hands
                    )
            except InvalidRequest as error:
                raise click.ClickException(error.message) from None
            seconds = time.monotonic() - began
        for fault in found.faults:
            await faults.add(db, kind=fault.kind, position=fault.index, source="audit")
    return {**found.as_json(), "seconds": round(seconds, 3)}
