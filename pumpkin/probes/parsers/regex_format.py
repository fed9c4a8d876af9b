"""The named groups of the option `pattern`: of its first match, or with `all` of every match."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pumpkin.probes.parsers.text import decode

VERSION = 1
MATCHES_LIMIT = 10_000
_GROUPS = {"type": "object", "additionalProperties": {"type": ["string", "null"]}}
SCHEMA: Mapping[str, Any] = {"anyOf": [_GROUPS, {"type": "array", "items": _GROUPS}]}


def parse(output: bytes, options: Mapping[str, Any]) -> Any:
    """ValueError when nothing matches, or the pattern is none."""
    try:
        pattern = re.compile(str(options["pattern"]), re.MULTILINE)
    except KeyError:
        raise ValueError("the option pattern is missing") from None
    except re.error as error:
        raise ValueError(f"the pattern is not a regular expression: {error}") from None
    text = decode(output)
    if options.get("all"):
        return [_groups(match) for match, _ in zip(pattern.finditer(text), range(MATCHES_LIMIT), strict=False)]
    first = pattern.search(text)
    if first is None:
        raise ValueError("the pattern does not match the output")
    return _groups(first)


def _groups(match: re.Match[str]) -> dict[str, str | None]:
    return match.groupdict() or {str(at): value for at, value in enumerate((match.group(), *match.groups()))}
