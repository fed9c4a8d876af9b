"""Lines of `key=value` (option `separator`, default `=`); a key seen again makes a list; `#` begins a comment line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pumpkin.probes.parsers.text import decode

VERSION = 1
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": {"type": ["string", "array"], "items": {"type": "string"}},
}


def parse(output: bytes, options: Mapping[str, Any]) -> dict[str, Any]:
    separator = str(options.get("separator") or "=")
    found: dict[str, list[str]] = {}
    for number, line in enumerate(decode(output).splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, between, value = line.partition(separator)
        if not between:
            raise ValueError(f"line {number} has no {separator!r}")
        found.setdefault(key.strip(), []).append(_unquoted(value.strip()))
    return {key: values[0] if len(values) == 1 else values for key, values in found.items()}


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'" else value
