"""`pumpkin probe`: probes on this machine, each from one configuration file."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from pumpkin.adapters.account import account_of, read_config
from pumpkin.adapters.releases import PROGRAM, Releases
from pumpkin.adapters.signer import want_another
from pumpkin.building import probes
from pumpkin.commands.journal import log_to_stderr
from pumpkin.commands.options import data_option, json_option
from pumpkin.errors import PumpkinError
from pumpkin.probes.spool import Spool
from pumpkin.settings import default_data

_UNIT = """# pumpkin-probe.service: install with
#   pumpkin probe --unit -c FILE > /etc/systemd/system/pumpkin-probe.service && systemctl enable --now pumpkin-probe
[Unit]
Description=Pumpkin probe
After=network-online.target
Wants=network-online.target

[Service]
{user}ExecStart={program} probe{files} --data {data}
Restart=always
RestartSec=5
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths={data}
PrivateTmp=yes
KillMode=mixed
TimeoutStopSec=20

[Install]
WantedBy=multi-user.target
"""


@click.command()
@click.option(
    "-c",
    "--config",
    "configs",
    required=True,
    multiple=True,
    type=click.Path(path_type=Path),
    help="JSON or TOML, or a folder of such files; may be given more than once. See docs/probes.md.",
)
@click.option("--check", is_flag=True, help="Try configuration and connection, say what is wrong, and end.")
@click.option("--rotate-key", is_flag=True, help="Sign with a new key from now on, endorsed by the one before.")
@click.option("--unit", is_flag=True, help="Print a systemd unit for this command line, and end.")
@click.option("--user", default="", help="Whom the unit runs it as.")
@data_option
@json_option
def probe(
    configs: Sequence[Path], check: bool, rotate_key: bool, unit: bool, user: str, data: Path | None, as_json: bool
) -> None:
    """Run the probe of each FILE: its tools, by their behaviour, each result kept on disk until it is acknowledged.

    SCANDALE's configuration files work unchanged.
    """
    place = (data or default_data()).absolute()
    files = [file for given in configs for file in _files(given)]
    if unit:
        click.echo(_unit(configs, place, user), nl=False)
        return
    log_to_stderr()
    status, releases = 1, Releases.found(configs, place)
    try:
        if rotate_key:
            asyncio.run(_rotate_keys(files, place))
        status = asyncio.run(_inspect(files, place)) if check else asyncio.run(_run(files, place, as_json, releases))
        if releases is not None and releases.wanted is not None:
            releases.restart()
    except* PumpkinError as errors:
        for error in _plain(errors):
            click.echo(f"pumpkin probe: {error.message}", err=True)
    sys.exit(status)  # not inside: what is raised while a group is handled becomes a group, with its traceback


def _files(given: Path) -> list[Path]:
    return sorted([*given.glob("*.json"), *given.glob("*.toml")]) if given.is_dir() else [given]


async def _run(files: Sequence[Path], data: Path, as_json: bool, releases: Releases | None) -> int:
    stop = asyncio.Event()

    def end() -> None:
        stop.set()
        if releases is not None:
            releases.wanted = None  # who ends the probe does not want it begun anew

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end)
    for summary in await probes.run_probes(files, data=data, stop=stop, releases=releases):
        click.echo(summary.as_json() if as_json else summary.as_text())
    return 0


async def _rotate_keys(files: Sequence[Path], data: Path) -> None:
    """Have each probe make a new key at its next start."""
    for file in files:
        account = account_of(read_config(file), data, file.stem)
        spool = await Spool.open(account.folder / "spool.sqlite")
        await want_another(spool)
        await spool.close()


async def _inspect(files: Sequence[Path], data: Path) -> int:
    good = True
    for file in files:
        async with contextlib.aclosing(probes.inspect_probe(file, data=data)) as findings:
            async for one in findings:
                click.echo(f"{'ok   ' if one.ok else 'FAULT' if one.grave else 'note '} {one.text}")
                good = good and (one.ok or not one.grave)
    click.echo("This probe can run." if good else "This probe would not deliver; see above.")
    return 0 if good else 1


def _unit(configs: Sequence[Path], data: Path, user: str) -> str:
    files = "".join(f" -c {file.absolute()}" for file in configs)
    program = Path(os.environ.get(PROGRAM) or sys.argv[0]).absolute()
    started = f"{sys.executable} -P -m pumpkin" if program.name == "__main__.py" else str(program)
    who = f"User={user}\nAmbientCapabilities=CAP_NET_RAW\n" if user and user != "root" else ""
    return _UNIT.format(program=started, files=files, data=data, user=who)


def _plain(errors: BaseExceptionGroup[PumpkinError]) -> list[PumpkinError]:
    found: list[PumpkinError] = []
    for one in errors.exceptions:
        found += _plain(one) if isinstance(one, BaseExceptionGroup) else [one]
    return found
