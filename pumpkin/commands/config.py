"""`pumpkin config`: which settings are in force, where each comes from, and whether they hold."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel

from pumpkin import settings as configuration
from pumpkin.commands.place import answer, config_option, data_option, json_option
from pumpkin.errors import StartError
from pumpkin.settings import Settings

HIDDEN = "(hidden)"
Row = tuple[str, Any, str]


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
        configuration.load(data, config)
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
    rows = list(_rows(settings, _names(file)))
    shown = {name: {"value": value, "from": source} for name, value, source in rows}
    wide = max(len(name) for name, _, _ in rows)
    lines = [
        f"{name:<{wide}} = {_text(value)}{'' if source == 'default' else f'   # {source}'}"
        for name, value, source in rows
    ]
    answer(shown, as_json, "\n".join(lines))


def _rows(settings: Settings, in_file: set[str]) -> Iterator[Row]:
    for name, value, secret in _flat(settings):
        variable = "PUMPKIN_" + name.upper().replace(".", "__")
        if name == "data":
            source = "environment" if os.environ.get("PUMPKIN_DATA") else "default or --data"
        elif os.environ.get(variable):
            source = "environment"
        elif name in in_file:
            source = "file"
        else:
            source = "default"
        yield name, HIDDEN if secret and value else value, source


def _flat(model: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any, bool]]:
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            secret = isinstance(field.json_schema_extra, Mapping) and bool(field.json_schema_extra.get("secret"))
            yield prefix + name, _plain(value), secret


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, BaseModel):
        return {name: HIDDEN if secret and part else part for name, part, secret in _flat(value)}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def _names(file: Path) -> set[str]:
    """The dotted names that the file sets; it was read and found good before."""
    if not file.is_file():
        return set()
    return set(_dotted(tomllib.loads(file.read_text("utf-8"))))


def _dotted(table: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{prefix}{name}.")
        yield prefix + name


def _text(value: Any) -> str:
    return '""' if value == "" else "none" if value is None else str(value)
