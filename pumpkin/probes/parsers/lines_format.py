"""The output's lines without their ends; empty ones are dropped unless the option `keep_empty` is true."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pumpkin.probes.parsers.text import decode

VERSION = 1
SCHEMA: Mapping[str, Any] = {"type": "array", "items": {"type": "string"}}


def parse(output: bytes, options: Mapping[str, Any]) -> list[str]:
    lines = [line.rstrip("\r") for line in decode(output).split("\n")]
    return lines if options.get("keep_empty") else [line for line in lines if line.strip()]
