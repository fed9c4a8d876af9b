"""The Prometheus text format: families with their samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from pumpkin.probes.parsers.text import decode

VERSION = 1
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "required": ["type", "samples"],
        "properties": {"type": {"type": "string"}, "help": {"type": "string"}, "samples": {"type": "array"}},
    },
}


def parse(output: bytes, options: Mapping[str, Any]) -> dict[str, Any]:
    """Values that JSON has no number for (NaN, +Inf) are text."""
    return {
        family.name: {
            "type": family.type,
            "help": family.documentation,
            "samples": [{"name": one.name, "labels": one.labels, "value": one.value} for one in family.samples],
        }
        for family in text_string_to_metric_families(decode(output))
    }
