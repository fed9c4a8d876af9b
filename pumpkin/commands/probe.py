"""`pumpkin probe`: a probe on this machine, from one configuration file."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import click

from pumpkin import app
from pumpkin.commands.place import data_option
from pumpkin.commands.serve import log_to_stderr
from pumpkin.errors import PumpkinError
from pumpkin.settings import default_data


@click.command()
@click.option(
    "-c",
    "--config",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="JSON or TOML; see docs/probes.md.",
)
@data_option
def probe(config: Path, data: Path | None) -> None:
    """Run the probe of FILE: its tool, by its behaviour, each result kept on disk until it is acknowledged.

    SCANDALE's configuration files work unchanged.
    """
    log_to_stderr()
    try:
        asyncio.run(_run(config, (data or default_data()).absolute()))
    except PumpkinError as error:
        click.echo(f"pumpkin probe: {error.message}", err=True)
        sys.exit(1)


async def _run(config: Path, data: Path) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await app.run_probe(config, data=data, stop=stop)
