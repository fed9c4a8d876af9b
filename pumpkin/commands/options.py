"""The options many commands share; nothing else, so that a probe's own command starts without the server's parts."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

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
password_file_option = click.option(
    "--password-file", type=click.File("r"), help="Its first line is the password; - is standard input."
)


def first_line(file: TextIO | None) -> str:
    """A password from such a file; "" without one. UsageError where it has none, which must not mean another."""
    word = file.readline().rstrip("\r\n") if file else ""
    if file and not word:
        raise click.UsageError("The first line of --password-file is empty.")
    return word
