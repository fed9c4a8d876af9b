"""`pumpkin worker`: analyses the packages of servers elsewhere, on their database."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from pumpkin.building.worker import working
from pumpkin.commands.place import REFUSED, config_option, data_option, load_to_serve
from pumpkin.commands.serve import log_to_stderr, loop_factory
from pumpkin.commands.signals import heed
from pumpkin.errors import PumpkinError, StartRefused
from pumpkin.settings import Settings


@click.command()
@click.option("--database", metavar="DSN", help="The PostgreSQL of the servers it works for.")
@click.option("--slots", type=click.IntRange(0, 256), help="Analyses at once.  [default: one a CPU]")
@data_option
@config_option
def worker(database: str | None, slots: int | None, data: Path | None, config: Path | None) -> None:
    """Analyse packages for the servers on a database, and nothing else: no pages, no log, no key of theirs.

    Any number may run, on any machine that reaches the database; each holds its tasks by a lease, so that one that is
    killed loses nothing. Prints `ready NODE`; Ctrl-C or SIGTERM gives what runs back to the queue.
    """
    settings = load_to_serve(data, config, database=database, packages=None if slots is None else {"slots": slots})
    log_to_stderr(as_json=settings.journal == "json")
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_work(settings))
    except PumpkinError as error:
        click.echo(f"pumpkin: {error.message}", err=True)
        sys.exit(REFUSED if isinstance(error, StartRefused) else 1)


async def _work(settings: Settings) -> None:
    asked_to_stop = asyncio.Event()
    heed(asked_to_stop)
    async with working(settings) as workshop:
        bench = workshop.bench
        without = bench.no_engine()
        click.echo(
            f"Analyses {bench.slots} packages at once" + (f"; packages are not run: {without}" if without else "")
        )
        click.echo(f"ready {bench.node}")
        sys.stdout.flush()
        stop = asyncio.ensure_future(asked_to_stop.wait())
        await asyncio.wait({stop, workshop.failed}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if workshop.failed.done():
            part = workshop.failed.result()
            raise PumpkinError(
                f"The part {part.name} failed for good: {part.last_error}. Start again; nothing is lost."
            )
