"""`pumpkin config`: which settings are in force, where each comes from, and whether they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pumpkin import settings as configuration
from pumpkin.building import disclosed, modules
from pumpkin.commands.place import answer, config_option, data_option, json_option
from pumpkin.errors import StartError


@click.group()
def config() -> None:
    """The settings: check the file, show what is in force."""


@config.command("check")
@data_option
@config_option
@json_option
def check(data: Path | None, config: Path | None, as_json: bool) -> None:
    """Say whether the settings hold, and which one does not; nothing is started. Exit status 1 for wrong ones."""
    try:
        modules.check(configuration.load(data, config))
    except StartError as error:
        answer({"ok": False, "message": error.message}, as_json, error.message)
        raise SystemExit(1) from None
    answer({"ok": True}, as_json, "The settings hold.")


@config.command("show")
@data_option
@config_option
@json_option
def show(data: Path | None, config: Path | None, as_json: bool) -> None:
    """Show each setting in force and where it comes from. Secrets are never shown."""
    try:
        settings = configuration.load(data, config)
    except StartError as error:
        raise click.ClickException(error.message) from None
    file = configuration.file_of(settings.data, config)
    rows = list(disclosed.rows(settings, file))
    shown = disclosed.shown(settings, file)
    wide = max(len(name) for name, _, _ in rows)
    lines = [
        f"{name:<{wide}} = {_text(value)}{'' if source == 'default' else f'   # {source}'}"
        for name, value, source in rows
    ]
    answer(shown, as_json, "\n".join(lines))


def _text(value: Any) -> str:
    return '""' if value == "" else "none" if value is None else str(value)
