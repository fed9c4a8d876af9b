"""`pumpkin watch` and `pumpkin catalogue`: packages to look after, and the names that are known."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from pumpkin.commands.place import answer, config_option, data_option, database, json_option, load, noted, work
from pumpkin.errors import InvalidPurl
from pumpkin.model.purl import of_name
from pumpkin.model.watches import Watch, Wish, ecosystem_of
from pumpkin.store import packages, watches

OWNER = "operator"
BATCH = 5_000


@click.group()
def watch() -> None:
    """Have each new version of packages analysed."""


@watch.command("add")
@click.argument("purl")
@click.option("--priority", type=click.IntRange(0, 9), default=0, show_default=True)
@data_option
@config_option
@json_option
def watch_add(purl: str, priority: int, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Watch PURL (without version; its name may end in `*`, as in pkg:npm/@scope/*)."""
    settings = load(data, config)

    async def job() -> Watch:
        async with database(settings) as db:
            made = await watches.add(db, Wish.of(purl, priority), OWNER)
            await noted(db, "watch.added", f"watch:{made.id}", purl=purl)
            return made

    made: Watch = work(job)
    answer(made.as_dict(), as_json, f"{made.id}: {made.ecosystem} {made.name}, from the next reading on")


@watch.command("list")
@data_option
@config_option
@json_option
def watch_list(data: Path | None, config: Path | None, as_json: bool) -> None:
    """What is watched, by anybody."""
    settings = load(data, config)

    async def job() -> list[Watch]:
        async with database(settings) as db:
            return await watches.every(db)

    found: list[Watch] = work(job)
    lines = [f"{one.id}: {one.ecosystem} {one.name}  {one.owner}  {one.error or ''}".rstrip() for one in found]
    answer([one.as_dict() for one in found], as_json, "\n".join(lines) or "Nothing is watched.")


@watch.command("remove")
@click.argument("number", type=click.IntRange(1, 2**63 - 1))
@data_option
@config_option
@json_option
def watch_remove(number: int, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Stop watching NUMBER (as `list` shows it)."""
    settings = load(data, config)

    async def job() -> bool:
        async with database(settings) as db:
            done = await watches.remove(db, number)
            if done:
                await noted(db, "watch.removed", f"watch:{number}")
            return done

    if not work(job):
        raise click.ClickException(f"There is no watch {number}.")
    answer({"removed": number}, as_json, f"{number} is no longer watched")


@click.group()
def catalogue() -> None:
    """The names of packages that search knows."""


@catalogue.command("import")
@click.argument("ecosystem")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@data_option
@config_option
@json_option
def catalogue_import(ecosystem: str, file: Any, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Remember the names in FILE (one a line, `-` for standard input) as packages of ECOSYSTEM."""
    kind = ecosystem_of(ecosystem)
    if kind is None:
        raise click.BadParameter(f"{ecosystem} is none of the ecosystems known.")
    settings = load(data, config)
    left: list[str] = []

    async def job() -> int:
        count = 0
        async with database(settings) as db:
            for some in batches(names(kind, file, left), BATCH):
                await packages.remember(db, kind, [(name, None) for name in some])
                count += len(some)
            await noted(db, "catalogue.import", f"ecosystem:{kind}", names=count)
        return count

    count = work(job)
    for line in left[:5]:
        click.echo(f"not a name of {kind}: {line[:80]!a}", err=True)
    answer({"imported": count, "left": len(left)}, as_json, f"{count} names; {len(left)} lines left out")
    sys.exit(0 if count or not left else 1)


@catalogue.command("count")
@data_option
@config_option
@json_option
def catalogue_count(data: Path | None, config: Path | None, as_json: bool) -> None:
    """How many names are known, by ecosystem."""
    settings = load(data, config)

    async def job() -> dict[str, int]:
        async with database(settings) as db:
            return await packages.count(db)

    found: dict[str, int] = work(job)
    answer(found, as_json, "\n".join(f"{kind}: {number}" for kind, number in sorted(found.items())) or "none yet")


def names(kind: str, lines: Iterable[str], left: list[str]) -> Iterator[str]:
    """The canonical names in `lines`; what is none goes to `left`."""
    for line in lines:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            yield of_name(kind, text).full_name
        except InvalidPurl:
            left.append(text)


def batches(found: Iterator[str], size: int) -> Iterator[list[str]]:
    """`found` in lists of at most `size`."""
    some: list[str] = []
    for name in found:
        some.append(name)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some
