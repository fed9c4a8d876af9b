"""The options many commands share; nothing else, so that a probe's own command starts without the server's parts."""

from __future__ import annotations

from pathlib import Path

import click

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="PUMPKIN_DATA",
    help="The folder all state lives in.  [default: /var/lib/pumpkin for root, your XDG data folder otherwise]",
)
config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The TOML file with settings.  [default: pumpkin.toml in the data folder]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for programs.")
