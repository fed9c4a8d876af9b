"""The settings in force as people may see them: every name, its value unless it is a secret, where it comes from."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pumpkin.settings import Settings

HIDDEN = "(hidden)"
Row = tuple[str, Any, str]


def rows(settings: Settings, file: Path) -> Iterator[Row]:
    """(dotted name, value or HIDDEN, source) of every setting; `file` was read and found good before."""
    in_file = set(_dotted(tomllib.loads(file.read_text("utf-8")))) if file.is_file() else set()
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


def shown(settings: Settings, file: Path) -> dict[str, dict[str, Any]]:
    """The rows as JSON values: `{name: {"value", "from"}}`."""
    return {name: {"value": value, "from": source} for name, value, source in rows(settings, file)}


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


def _dotted(table: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{prefix}{name}.")
        yield prefix + name
