"""CSV (RFC 4180) with a header line as a list of objects; option `delimiter`; with `header: false` a list of lists."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from pumpkin.probes.parsers.text import decode

VERSION = 1
SCHEMA: Mapping[str, Any] = {
    "type": "array",
    "items": {"anyOf": [{"type": "object"}, {"type": "array", "items": {"type": "string"}}]},
}


def parse(output: bytes, options: Mapping[str, Any]) -> list[Any]:
    """ValueError for a row whose number of fields is not the header's."""
    delimiter = str(options.get("delimiter") or ",")[:1]
    try:
        rows = [row for row in csv.reader(io.StringIO(decode(output)), delimiter=delimiter, strict=True) if row]
    except csv.Error as error:
        raise ValueError(f"not CSV: {error}") from None
    if options.get("header") is False:
        return rows
    if not rows:
        raise ValueError("there is no header line")
    header = rows[0]
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(header):
            raise ValueError(f"row {number} has {len(row)} fields, the header {len(header)}")
    return [dict(zip(header, row, strict=True)) for row in rows[1:]]
