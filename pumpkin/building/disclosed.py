"""The settings in force as people may see them: every name, its value unless it is a secret, where it comes from."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pumpkin.settings import Settings

HIDDEN = "(hidden)"
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*@)?(.*)", re.DOTALL)
Row = tuple[str, Any, str]


def rows(settings: Settings, file: Path) -> Iterator[Row]:
    """(dotted name, value or HIDDEN, source) of every setting; `file` was read and found good before."""
    in_file = set(_dotted(tomllib.loads(file.read_text("utf-8")))) if file.is_file() else set()
    for name, value, secret in _flat(settings):
        variable = "PUMPKIN_" + name.upper().replace(".", "__")
        if name == "data":
            source = "environment" if os.environ.get("PUMPKIN_DATA") else "default or --data"
        elif _given(variable):
            source = "environment"
        elif name in in_file:
            source = "file"
        else:
            source = "default"
        yield name, HIDDEN if secret and value else value, source


def _given(variable: str) -> bool:
    """Whether the environment gives this setting, a part of it or the whole it is part of."""
    wholes = [variable[: place.start()] for place in re.finditer("__", variable)]
    return any(os.environ.get(name) for name in [variable, *wholes]) or any(
        name.startswith(f"{variable}__") and value for name, value in os.environ.items()
    )


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


def without_secrets(text: str) -> str:
    """`text`; of an address without what opens doors: name and password before the host, and its query's values."""
    parts = _ADDRESS.match(text)
    if parts is None:
        return text
    scheme, account, rest = parts.groups()
    path, mark, query = rest.partition("?")
    if account is not None:
        name, colon, _ = account.rpartition("@")[0].partition(":")
        account = f"{name}:{HIDDEN}@" if colon and scheme == "ssh" else f"{HIDDEN}@" if scheme != "ssh" else f"{name}@"
    return f"{scheme}://{account or ''}{path}{mark}{HIDDEN if query else ''}"


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return without_secrets(value)
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
