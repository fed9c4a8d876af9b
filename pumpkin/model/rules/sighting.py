"""A check as rules see it: its outline, and of what it found the values that some rule asks for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pumpkin.model.alerts import Link
from pumpkin.model.rules.conditions import OWN

VALUE_LIMIT = 4_096
"""Characters of JSON; a larger value is known by its SHA-256, so that it can still be seen to change."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One check. Times in microseconds; `values` are those of `paths` that were asked for, by path."""

    seq: int
    id: UUID
    kind: str
    type: str
    agent: str
    target: str
    status: str
    site: str
    observed: int
    received: int
    size: int = 0
    payload: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def link(self) -> Link:
        return Link(self.id, self.seq)

    def value(self, path: str) -> Any:
        """The value at `path`; None where there is none."""
        if path == "skew_s":
            return (self.received - self.observed) / 1e6
        if path in OWN:
            found = getattr(self, path)
            return None if found == "" else found
        return self.values.get(path)


def parts(path: str) -> list[str]:
    """The steps of a path into a check's detail: `result.data.latency` is `["result", "data", "latency"]`."""
    return path.split(".")


def extracted(detail: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """The values at `paths` of a check's detail, as the store extracts them."""
    found = {}
    for path in paths:
        value: Any = detail
        for part in parts(path):
            if isinstance(value, Mapping):
                value = value.get(part)
            elif isinstance(value, list) and part.isascii() and part.isdigit() and int(part) < len(value):
                value = value[int(part)]
            else:
                value = None
            if value is None:
                break
        if value is not None:
            found[path] = bounded(value)
    return found


def bounded(value: Any) -> Any:
    """The value, or its hash where it is too large to be carried about."""
    if isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return (
        value if len(text) <= VALUE_LIMIT else "sha256:" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    )
