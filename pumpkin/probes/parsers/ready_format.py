"""The outputs of ready probes: JSON of a known shape, ping's text, dpkg's and pip's lists."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pumpkin.probes.parsers.text import decode

_TEXT, _NUMBER, _LIST, _FLAG = {"type": "string"}, {"type": "number"}, {"type": "array"}, {"type": "boolean"}


def _shape(**needed: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": needed, "required": list(needed)}


SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "tls": _shape(
        host=_TEXT, port=_NUMBER, verified=_FLAG, subject=_TEXT, issuer=_TEXT, not_after=_TEXT, days_left=_NUMBER,
        names=_LIST, sha256=_TEXT,
    ),
    "http": _shape(url=_TEXT, status=_NUMBER, latency_s=_NUMBER, size=_NUMBER, sha256=_TEXT, redirects=_NUMBER),
    "dns": _shape(name=_TEXT, exists=_FLAG, records={"type": "object"}, answer_s=_NUMBER),
    "tcp": _shape(host=_TEXT, port=_NUMBER, address=_TEXT, connect_s=_NUMBER),
    "ping": _shape(host=_TEXT, sent=_NUMBER, received=_NUMBER, loss_percent=_NUMBER),
    "files": _shape(tree=_TEXT, files=_LIST, count=_NUMBER, size=_NUMBER, unreadable=_LIST),
    "ports": _shape(host=_TEXT, ports=_LIST, count=_NUMBER),
    "system": _shape(disk_percent=_NUMBER, memory_percent=_NUMBER, load_1=_NUMBER, load_per_core=_NUMBER),
    "packages": _shape(packages=_LIST, count=_NUMBER),
}  # fmt: skip
_KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,), "number": (int, float), "array": (list,), "object": (dict,), "boolean": (bool,),
}  # fmt: skip
LISTED_BYTES = 180_000
_PINGED = re.compile(r"^PING (\S+)", re.MULTILINE)
_COUNTED = re.compile(r"(\d+) packets transmitted, (\d+) (?:packets )?received.*?([\d.]+)% packet loss")
_ROUND_TRIP = re.compile(r"= ([\d.]+)/([\d.]+)/([\d.]+)")


class ReadyParser:
    """The parser of one ready probe; what does not have its shape is ValueError."""

    VERSION = 1

    def __init__(self, name: str) -> None:
        self._name = name
        self.SCHEMA = SCHEMAS[name]

    def parse(self, output: bytes, options: Mapping[str, Any]) -> Any:
        if self._name == "ping":
            data: Any = _ping(decode(output))
        elif self._name == "packages":
            data = _packages(decode(output))
        else:
            data = json.loads(output)
        if not isinstance(data, dict):
            raise ValueError("not an object")
        for key in self.SCHEMA["required"]:
            kinds = _KINDS[self.SCHEMA["properties"][key]["type"]]
            if not isinstance(data.get(key), kinds) or (isinstance(data[key], bool) and bool not in kinds):
                raise ValueError(f"{key} is missing or of the wrong type")
        return data


def _ping(text: str) -> dict[str, Any]:
    counted = _COUNTED.search(text)
    if counted is None:
        raise ValueError("no packet statistics")
    host, times = _PINGED.search(text), _ROUND_TRIP.search(text)
    found: dict[str, Any] = {
        "host": host[1] if host else "",
        "sent": int(counted[1]),
        "received": int(counted[2]),
        "loss_percent": float(counted[3]),
    }
    if times is not None:
        found |= {"min_ms": float(times[1]), "mean_ms": float(times[2]), "max_ms": float(times[3])}
    return found


def _packages(text: str) -> dict[str, Any]:
    """dpkg-query's tab-separated lines, or pip's JSON list."""
    if text.lstrip().startswith("["):
        listed = [{"name": str(one["name"]), "version": str(one["version"])} for one in json.loads(text)]
    else:
        rows = [line.split("\t") for line in text.splitlines() if line.strip()]
        if any(len(row) < 3 for row in rows):
            raise ValueError("a line has fewer than three columns")
        # "ii" is installed; what was removed leaves its configuration behind and is no longer there.
        listed = [
            {"name": row[0], "version": row[1], "architecture": row[2]}
            for row in rows
            if len(row) < 4 or row[3].startswith("ii")
        ]
    listed.sort(key=lambda one: one["name"])
    shown, size = [], 0
    for one in listed:
        size += sum(map(len, one.values())) + 60
        if size > LISTED_BYTES:
            break
        shown.append(one)
    return {"packages": shown, "count": len(listed), "truncated": len(shown) < len(listed)}
