"""No parsing: the size of the output; the bytes themselves are the payload."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

VERSION = 1
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"size": {"type": "integer"}},
    "required": ["size"],
}


def parse(output: bytes, options: Mapping[str, Any]) -> dict[str, int]:
    return {"size": len(output)}
