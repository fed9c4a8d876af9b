"""The parsers a job may name, and what each of them may be told: known here without any of them being run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import fastjsonschema

NAMES = ("raw", "lines", "json", "keyvalue", "regex", "csv", "nmap", "prometheus", "junit")
READY = ("tls", "http", "dns", "tcp", "ping", "files", "packages", "ports", "system")
ALIASES = {"": "raw", "text": "lines", "key=value": "keyvalue", "nmap-xml": "nmap", "nmap_xml": "nmap", "xml": "nmap"}
PATTERN_LIMIT = 10_000
_OPTIONS: Mapping[str, Mapping[str, type]] = {
    "lines": {"keep_empty": bool},
    "json": {"lines": bool},
    "keyvalue": {"separator": str},
    "regex": {"pattern": str, "all": bool},
    "csv": {"delimiter": str, "header": bool},
}
_KINDS = {bool: "true or false", str: "text"}


@cache
def others() -> Mapping[str, EntryPoint]:
    """Parsers that installed packages bring, by name. Looked for once: that reads a file of every package there is, and
    a list of a thousand jobs, asked for each, held up the server for 40 s."""
    return {point.name: point for point in entry_points(group="pumpkin.parsers")}


def plain(name: str) -> str:
    """A parser's name as it is listed: small letters, no alias."""
    return name if name in others() else ALIASES.get(name.casefold(), name.casefold())


def known() -> set[str]:
    """Every name a job may give, aliases included."""
    return {*NAMES, *READY, *ALIASES, *others()}


def check(parser: str, options: Mapping[str, Any]) -> None:
    """ValueError, one sentence, for a parser there is none of, an option it does not take or cannot work with, and a
    `schema` that is none. A parser of another package takes what it likes; only the schema is looked at then."""
    name = plain(parser)
    if name not in known():
        raise ValueError(f"there is no result_parser {parser[:60]!r}; there are {', '.join((*NAMES, *READY))}")
    schema = options.get("schema")
    if "schema" in options:
        if not isinstance(schema, Mapping):
            raise ValueError("parser_options.schema is not an object")
        compiled(schema)
    if name in others():
        return
    takes = _OPTIONS.get(name, {})
    for option, value in options.items():
        if option == "schema":
            continue
        if option not in takes:
            said = ", ".join((*takes, "schema"))
            raise ValueError(f"the parser {name} has no option {str(option)[:60]!r}; it takes {said}")
        if not isinstance(value, takes[option]):
            raise ValueError(f"parser_options.{option} is not {_KINDS[takes[option]]}")
    if name == "regex":
        _pattern(options.get("pattern"))
    if name == "csv" and len(options.get("delimiter", ",")) != 1:
        raise ValueError("parser_options.delimiter is not one character")


def compiled(schema: Mapping[str, Any]) -> Callable[[Any], Any]:
    """What holds data to a JSON Schema (draft 7); ValueError where the schema is none. No reference is followed to
    anywhere: a schema from a job must not make a probe fetch addresses."""
    try:
        made: Callable[[Any], Any] = fastjsonschema.compile(
            json.loads(json.dumps(schema)), handlers=_REFUSED, use_default=False
        )
    except (fastjsonschema.JsonSchemaDefinitionException, RecursionError) as error:
        raise ValueError(f"the schema is none: {_short(error)}") from None
    except ValueError:
        raise
    except Exception as error:  # the library trips over nonsense of many kinds: each means that the schema is none
        raise ValueError(f"the schema is none: {_short(error)}") from None
    return made


def _pattern(pattern: object) -> None:
    if pattern is None:
        raise ValueError("the parser regex needs parser_options.pattern")
    if len(str(pattern)) > PATTERN_LIMIT:
        raise ValueError(f"parser_options.pattern is longer than {PATTERN_LIMIT} characters")
    try:
        re.compile(str(pattern), re.MULTILINE)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"parser_options.pattern is not a regular expression: {_short(error)}") from None


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _refuse(uri: str) -> Any:
    raise ValueError(f"the schema refers to {uri[:100]}")


_REFUSED = {"http": _refuse, "https": _refuse, "ftp": _refuse, "file": _refuse}
