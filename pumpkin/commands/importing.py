"""`pumpkin import scandale|packamal`: what an older system kept, taken into this log."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import click

from pumpkin import importer
from pumpkin.commands.place import answer, config_option, data_option, database, json_option, load, noted, work
from pumpkin.settings import Settings
from pumpkin.store import keys

THERE = click.Path(path_type=Path, dir_okay=False, exists=True)
_report = click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File for the rows that are not taken, a JSON object each.  [default: imports/... in the data folder]",
)


class _Report:
    """The rows that were not taken and why, one JSON object a line; no file where every one was. The folder `own` is
    made when it is needed, and no other."""

    def __init__(self, path: Path, own: Path) -> None:
        self.path = path
        self._own = own
        self._file: TextIO | None = None

    def __call__(self, what: str, why: str) -> None:
        if self._file is None:
            if self.path.parent == self._own:
                self._own.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = self.path.open("w", encoding="utf-8")
        table, _, ident = what.partition(" ")
        number = int(ident) if re.fullmatch(r"-?[0-9]{1,19}", ident) else ident or None
        self._file.write(json.dumps({"row": table, "id": number, "why": why}) + "\n")

    @property
    def written(self) -> str | None:
        return str(self.path) if self._file is not None else None

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


@contextmanager
def _reporting(settings: Settings, system: str, path: Path | None) -> Iterator[_Report]:
    if path is not None and not path.absolute().parent.is_dir():
        raise click.ClickException(f"The folder {path.absolute().parent} is not there.")
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    own = settings.data / "imports"
    report = _Report(path or own / f"{system}-{stamp}.jsonl", own)
    try:
        yield report
    finally:
        report.close()


@click.group("import")
def import_() -> None:
    """Take the data of SCANDALE or Pack-a-mal in. Their database is only read; importing again adds nothing."""


@import_.command("scandale")
@click.argument("dsn")
@click.option("--root", "roots", multiple=True, type=THERE, help="Certificate (PEM) its tokens are trusted by.")
@_report
@data_option
@config_option
@json_option
def scandale(
    dsn: str, roots: tuple[Path, ...], report: Path | None, data: Path | None, config: Path | None, as_json: bool
) -> None:
    """Import items and time-stamp tokens from SCANDALE's PostgreSQL at DSN.

    A token is taken where it proves its item by a --root; import again with further roots to take more.
    """
    settings = load(data, config)

    async def job(every: _Report) -> importer.Imported:
        async with database(settings, make=True) as db:
            done = await importer.scandale(db, dsn, [path.read_bytes() for path in roots], every)
            await _noted(db, "scandale", done)
            return done

    with _reporting(settings, "scandale", report) as every:
        done = work(lambda: job(every))
    answer({**done.as_json(), "report": every.written}, as_json, _told(done, every.written))


@import_.command("packamal")
@click.argument("dsn")
@click.option("--keys", "with_keys", is_flag=True, help="Make a new API key for each active one; they are shown once.")
@_report
@data_option
@config_option
@json_option
def packamal(
    dsn: str, with_keys: bool, report: Path | None, data: Path | None, config: Path | None, as_json: bool
) -> None:
    """Import reports from Pack-a-mal's PostgreSQL at DSN, each as a check of type package-analysis."""
    settings = load(data, config)

    async def job(every: _Report) -> tuple[importer.Imported, list[dict[str, Any]], list[str]]:
        async with database(settings, make=True) as db:
            done, found = await importer.packamal(db, dsn, every)
            await _noted(db, "packamal", done)
            made: list[dict[str, Any]] = []
            there = {one.name for one in await keys.listed(db) if one.revoked is None}
            kept = [name for name, _ in found if name[:200] in there] if with_keys else []
            for name, rate in found if with_keys else ():
                if name[:200] in there:
                    continue
                scopes = ("packages:read", "packages:write")
                key, text = await keys.create(db, name=name[:200], scopes=scopes, rate=max(1, rate))
                made.append({"name": key.name, "prefix": key.prefix, "key": text})
            return done, made, kept

    with _reporting(settings, "packamal", report) as every:
        done, made, kept = work(lambda: job(every))
    lines = [_told(done, every.written), *(f"{one['name']}: {one['key']}" for one in made)]
    lines += [f"{name}: there is an active key of that name already" for name in kept]
    shown = {**done.as_json(), "report": every.written, "keys": made, "keys_known": kept}
    answer(shown, as_json, "\n".join(lines))


async def _noted(db: Any, system: str, done: importer.Imported) -> None:
    counts = {name: value for name, value in done.as_json().items() if name != "reasons"}
    await noted(db, f"import.{system}", "log", **counts)


def _told(done: importer.Imported, report: str | None) -> str:
    tokens = f"{done.tokens} tokens taken, {done.tokens_known} there already"
    first = f"{done.taken} checks taken, {done.known} there already; {tokens}; {done.refused} not taken"
    lines = [first, *(f"  {reason}" for reason in done.reasons)]
    if done.made:
        lines.insert(1, f"{done.made} of them had no id there and were given one")
    if done.refused > len(done.reasons):
        lines.append(f"  and {done.refused - len(done.reasons)} more")
    if report:
        lines.append(f"Each row that was not taken, and why: {report}")
    return "\n".join(lines)
