"""JSON as the tool wrote it; with the option `lines` one value a line (NDJSON)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pumpkin.probes.parsers.text import decode

VERSION = 1
SCHEMA: Mapping[str, Any] = {}


def parse(output: bytes, options: Mapping[str, Any]) -> Any:
    text = decode(output)
    if options.get("lines"):
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    return json.loads(text)
