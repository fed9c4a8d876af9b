"""From a tool's output to normalised JSON: one file a format, found by name; more by entry point `pumpkin.parsers`.

A parser is a module or object with `VERSION` (of its schema, raised when the shape of `data` changes), `SCHEMA` (JSON
Schema of `data`) and `parse(output: bytes, options: Mapping) -> data`, which raises ValueError for what does not fit.
What it makes is held to its schema, and to the option `schema` of a job where there is one.
"""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any, Protocol, cast

import fastjsonschema

from pumpkin.errors import StartError
from pumpkin.model.parsing import ALIASES, NAMES, READY, compiled, known, others, plain

__all__ = ["NAMES", "Parser", "described", "find", "known", "normalise"]

DATA_LIMIT = 200_000
DEPTH_LIMIT = 24
_SAFE_INTEGER = 2**53 - 1


class Parser(Protocol):
    """What a format's module offers."""

    VERSION: int
    SCHEMA: Mapping[str, Any]

    def parse(self, output: bytes, options: Mapping[str, Any]) -> Any: ...


@cache
def find(name: str) -> Parser:
    """The parser of that name; StartError names those there are."""
    listed = plain(name)
    if listed in NAMES:
        module: Any = importlib.import_module(f"{__name__}.{listed}_format")
        return cast("Parser", module)
    if listed in READY:
        ready: Any = importlib.import_module(f"{__name__}.ready_format")
        return cast("Parser", ready.ReadyParser(listed))
    if name in others():
        return cast("Parser", others()[name].load())
    raise StartError(f"There is no result_parser {name[:60]!r}; there are {', '.join((*NAMES, *READY))}.")


def described() -> list[dict[str, Any]]:
    """Every parser with its version and schema."""
    return [
        {"name": name, "version": find(name).VERSION, "schema": dict(find(name).SCHEMA)}
        for name in sorted(known() - {*ALIASES})
    ]


def normalise(name: str, output: bytes, options: Mapping[str, Any]) -> dict[str, Any]:
    """`{"parser", "version", "data"}` of the output, or with `"error"` in place of data; never raises for output."""
    parser = find(name)
    found: dict[str, Any] = {"parser": ALIASES.get(name.casefold(), name) or "raw", "version": parser.VERSION}
    try:
        data = tidy(parser.parse(output, options))
        _fit(parser.SCHEMA, data)
        if isinstance(options.get("schema"), Mapping):
            _fit(options["schema"], data)
        if len(json.dumps(data, ensure_ascii=False).encode()) > DATA_LIMIT:
            raise ValueError(f"the parsed result is larger than {DATA_LIMIT} bytes")
    except Exception as error:  # a stranger's parser may raise anything; its probe goes on, and the check says so
        return {**found, "error": " ".join(str(tidy(str(error))).split())[:500] or type(error).__name__}
    return {**found, "data": data}


def _fit(schema: Mapping[str, Any], data: Any) -> None:
    """ValueError where `data` is not what the JSON Schema says (draft 7)."""
    try:
        _validator(json.dumps(schema, sort_keys=True))(data)
    except fastjsonschema.JsonSchemaValueException as error:
        raise ValueError(f"does not fit the schema: {error.message}") from None


@lru_cache(maxsize=256)
def _validator(schema: str) -> Callable[[Any], Any]:
    return compiled(json.loads(schema))


def tidy(value: Any, depth: int = 0) -> Any:
    """`value` as JSON every reader agrees on: no NUL, no lone surrogate, large integers and odd numbers as text."""
    if depth > DEPTH_LIMIT:
        raise ValueError(f"nested deeper than {DEPTH_LIMIT} levels")
    if isinstance(value, str):
        clean = value.replace("\x00", "\ufffd")
        return clean if clean.isascii() else clean.encode("utf-8", "replace").decode()
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) <= _SAFE_INTEGER else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {tidy(str(key)): tidy(member, depth + 1) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [tidy(member, depth + 1) for member in value]
    raise ValueError(f"not a JSON value: {type(value).__name__}")
