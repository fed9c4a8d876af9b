"""The results of one probe about one target over time: what a check is compared with, and the numbers to plot."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pumpkin.model.checks import Check

if TYPE_CHECKING:
    from pumpkin.store.database import Database

REACH = 300_000
"""How far back, in places of the log, earlier results are looked for."""
FIELDS = 100
"""How many numbers of a result are looked at."""
DEPTH = 5
ITEMS = 10
TOOK = "took, s"


@dataclass(frozen=True, slots=True)
class Point:
    """One result: its check, when it was observed (microseconds), how it was judged, and its numbers by name.

    A number within others has their names before its own: `disk.free`, `load.0`.
    """

    id: UUID
    seq: int
    observed: int
    status: str | None
    numbers: Mapping[str, float]


async def before(db: Database, check: Check, most: int = 60) -> list[Point]:
    """`check` and the results before it of the same probe, type and target, newest first."""
    given = {"agent": check.agent, "type": check.type, "seq": check.seq, "reach": REACH, "most": most}
    async with db.reader() as connection:
        if check.target is None:
            rows = [row async for row in db.queries.series_before_untargeted(connection, **given)]
        else:
            rows = [row async for row in db.queries.series_before(connection, target=check.target, **given)]
    return [Point(row["id"], row["seq"], row["observed"], row["status"], numbers(row)) for row in rows]


def numbers(row: Mapping[str, Any]) -> dict[str, float]:
    """How long it took, the numbers of what a parser made, then those of a payload that is JSON and has others."""
    found: dict[str, float] = {}
    try:
        if row["took"] is not None:
            found[TOOK] = float(row["took"])
    except ValueError:
        pass
    for document in (row["data"], _payload(row)):
        for name, value in _numbers(document):
            if len(found) < FIELDS:
                found.setdefault(name[:200], value)
    return found


def _payload(row: Mapping[str, Any]) -> Any:
    if row["payload"] is None:
        return None
    data = bytes(row["payload"])
    try:
        data = base64.b64decode(data, validate=True) if row["wrapped"] else data
        return json.loads(data) if data.lstrip()[:1] in (b"{", b"[") else None
    except (binascii.Error, ValueError, RecursionError):
        return None


def _numbers(document: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, float]]:
    """(name, value) of every number in a JSON value, as deep as is read; a Prometheus sample by its family's name."""
    if isinstance(document, bool) or depth > DEPTH:
        return
    if isinstance(document, int | float):
        if abs(document) < 1e300:  # not NaN, not infinite
            yield name or "value", float(document)
        return
    samples = document.get("samples") if isinstance(document, Mapping) else None
    if isinstance(samples, list) and len(samples) == 1 and isinstance(samples[0], Mapping):
        yield from _numbers(samples[0].get("value"), name, depth + 1)
        return
    below: list[tuple[str, Any]] = []
    if isinstance(document, Mapping):
        below = [(str(key), value) for key, value in list(document.items())[:FIELDS]]
    elif isinstance(document, list):
        below = [(str(place), value) for place, value in enumerate(document[:ITEMS])]
    for key, value in below:
        yield from _numbers(value, f"{name}.{key}" if name else key, depth + 1)
