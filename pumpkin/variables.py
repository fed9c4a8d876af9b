"""What the environment says of the settings: `PUMPKIN_` and a setting's name in capitals, `__` between its parts."""

from __future__ import annotations

import difflib
import json
import os
import re
import types
from collections.abc import Iterator, Mapping
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

from pumpkin.errors import StartRefused

PREFIX = "PUMPKIN_"
OTHERS = frozenset({"DATA", "CONFIG", "UNPACK", "KEY", "SERVER", "IMAGE", "ENROLL_TOKEN"})
"""Variables of ours that are no settings (of commands, of the single file, of the example deployments)."""
_OF_AN_ENGINE = re.compile(r".*SERVICE_(HOST|PORT)(_.*)?|(.*_)?PORT_\d+_(TCP|UDP)(_.*)?")
"""What Kubernetes puts into every container for a service named pumpkin; besides `..._PORT=tcp://...`."""


def variable(name: str) -> str:
    """The variable of a setting: `xmpp.port` is PUMPKIN_XMPP__PORT."""
    return PREFIX + name.upper().replace(".", "__")


def values(model: type[BaseModel], environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """The settings that the environment gives, nested as in the file; empty variables give none, unknown ones are left
    to `unknown`. StartRefused, one sentence, where a list or table is not JSON."""
    found: dict[str, Any] = {}
    for name, parts, text in _given(environ):
        annotation = _annotation(model, parts)
        if annotation is None or parts == ["data"]:
            continue
        place = found
        for part in parts[:-1]:
            inner = place.setdefault(part, {})
            if not isinstance(inner, dict):
                break
            place = inner
        else:
            value = _read(name, text, annotation)
            if isinstance(value, dict) and isinstance(place.get(parts[-1]), dict):
                value = {**value, **place[parts[-1]]}
            place[parts[-1]] = value
    return found


def unknown(model: type[BaseModel], environ: Mapping[str, str] = os.environ) -> list[str]:
    """A sentence on each variable that begins as ours do and is nobody's."""
    known = [variable(name) for name in names(model)] + [PREFIX + one for one in OTHERS]
    told = []
    for name, parts, text in _given(environ):
        plain = name.removeprefix(PREFIX)
        ours = plain in OTHERS or plain.startswith("PROBE_") or _annotation(model, parts) is not None
        if ours or _OF_AN_ENGINE.fullmatch(plain) or text.startswith(("tcp://", "udp://")):
            continue
        told.append(f"The variable {name} of the environment is no setting{meant(name.upper(), known)}.")
    return told


def names(model: type[BaseModel], prefix: str = "", *, tables: bool = False) -> Iterator[str]:
    """The dotted name of every setting; with `tables` also those of each table in a list (`authorities.url`)."""
    for name, field in model.model_fields.items():
        inner = _plain(field.annotation)
        listed = get_args(inner)[0] if tables and get_origin(inner) is list else None
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from names(inner, f"{prefix}{name}.", tables=tables)
        else:
            yield prefix + name
        if isinstance(listed, type) and issubclass(listed, BaseModel):
            yield from names(listed, f"{prefix}{name}.")


def meant(wrong: str, known: list[str]) -> str:
    """` (did you mean NAME?)`, or nothing where no known name is near."""
    near = difflib.get_close_matches(wrong, known, 1, 0.75)
    return f" (did you mean {near[0]}?)" if near else ""


def _given(environ: Mapping[str, str]) -> Iterator[tuple[str, list[str], str]]:
    for name in sorted(environ):
        if name.startswith(PREFIX) and environ[name]:
            yield name, name.removeprefix(PREFIX).lower().split("__"), environ[name]


def _annotation(model: type[BaseModel], parts: list[str]) -> Any:
    """The type of the setting at that path; None where there is none."""
    here: Any = model
    for part in parts:
        if isinstance(here, type) and issubclass(here, BaseModel):
            field = here.model_fields.get(part)
            here = None if field is None else _plain(field.annotation)
        else:
            here = get_args(here)[1] if get_origin(here) is dict else None
        if here is None:
            return None
    return here


def _plain(annotation: Any) -> Any:
    """`T` of `T | None`."""
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [one for one in get_args(annotation) if one is not type(None)]
        return inner[0] if len(inner) == 1 else annotation
    return annotation


def _read(name: str, text: str, annotation: Any) -> Any:
    """A list or a table is JSON, all else the text as it stands."""
    table = get_origin(annotation) is dict or (isinstance(annotation, type) and issubclass(annotation, BaseModel))
    if not table and get_origin(annotation) not in (list, tuple):
        return text
    kind, example = ("a table", '{"name": "value"}') if table else ("a list", '["one", "two"]')
    if not table and isinstance(get_args(annotation)[0], type) and issubclass(get_args(annotation)[0], BaseModel):
        kind, example = "a list of tables", '[{"name": "value"}]'
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict if table else list):
        raise StartRefused(
            f"The variable {name} of the environment is not {kind} in JSON, for instance {name}='{example}'."
        )
    return value
