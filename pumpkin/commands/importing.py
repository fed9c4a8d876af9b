"""`pumpkin import scandale|packamal`: what an older system kept, taken into this log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pumpkin import importer
from pumpkin.commands.place import answer, config_option, data_option, database, json_option, load, work
from pumpkin.store import keys

THERE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.group("import")
def import_() -> None:
    """Take the data of SCANDALE or Pack-a-mal in. Their database is only read; importing again adds nothing."""


@import_.command("scandale")
@click.argument("dsn")
@click.option("--root", "roots", multiple=True, type=THERE, help="Certificate (PEM) its tokens are trusted by.")
@data_option
@config_option
@json_option
def scandale(dsn: str, roots: tuple[Path, ...], data: Path | None, config: Path | None, as_json: bool) -> None:
    """Import items and time-stamp tokens from SCANDALE's PostgreSQL at DSN.

    A token is taken where it proves its item by a --root; import again with further roots to take more.
    """
    settings = load(data, config)

    async def job() -> importer.Imported:
        async with database(settings, make=True) as db:
            return await importer.scandale(db, dsn, [path.read_bytes() for path in roots])

    done = work(job)
    answer(done.as_json(), as_json, _told(done))


@import_.command("packamal")
@click.argument("dsn")
@click.option("--keys", "with_keys", is_flag=True, help="Make a new API key for each active one; they are shown once.")
@data_option
@config_option
@json_option
def packamal(dsn: str, with_keys: bool, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Import reports from Pack-a-mal's PostgreSQL at DSN, each as a check of type package-analysis."""
    settings = load(data, config)

    async def job() -> tuple[importer.Imported, list[dict[str, Any]]]:
        async with database(settings, make=True) as db:
            done, found = await importer.packamal(db, dsn)
            made: list[dict[str, Any]] = []
            for name, rate in found if with_keys else ():
                scopes = ("packages:read", "packages:write")
                key, text = await keys.create(db, name=name[:200], scopes=scopes, rate=max(1, rate))
                made.append({"name": key.name, "prefix": key.prefix, "key": text})
            return done, made

    done, made = work(job)
    lines = [_told(done), *(f"{one['name']}: {one['key']}" for one in made)]
    answer({**done.as_json(), "keys": made}, as_json, "\n".join(lines))


def _told(done: importer.Imported) -> str:
    tokens = f"{done.tokens} tokens taken, {done.tokens_known} there already"
    first = f"{done.taken} checks taken, {done.known} there already; {tokens}; {done.refused} not taken"
    return "\n".join([first, *(f"  {reason}" for reason in done.reasons)])
