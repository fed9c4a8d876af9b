"""The results of one probe about one target over time: what a check is compared with, and the numbers to plot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pumpkin.model.checks import Check

if TYPE_CHECKING:
    from pumpkin.store.database import Database

REACH = 300_000
"""How far back, in places of the log, earlier results are looked for."""
NAMES = 8


@dataclass(frozen=True, slots=True)
class Point:
    """One result: its check, when it was observed (microseconds), how it was judged, and its numbers by name."""

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
    return [Point(row["id"], row["seq"], row["observed"], row["status"], _numbers(row)) for row in rows]


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a result: how long it took, and each number of a flat object or of named samples."""
    found: dict[str, float] = {}
    try:
        if row["took"] is not None:
            found["took, s"] = float(row["took"])
    except ValueError:
        pass
    data = row["data"]
    data = json.loads(data) if isinstance(data, str) else data
    for name, value in _pairs(data):
        if len(found) < NAMES and isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300:
            found.setdefault(name[:80], float(value))
    return found


def _pairs(data: Any) -> list[tuple[str, Any]]:
    if not isinstance(data, Mapping):
        return []
    pairs: list[tuple[str, Any]] = []
    for name, value in list(data.items())[:200]:
        samples = value.get("samples") if isinstance(value, Mapping) else None
        if isinstance(samples, list) and len(samples) == 1 and isinstance(samples[0], Mapping):
            pairs.append((str(name), samples[0].get("value")))
        else:
            pairs.append((str(name), value))
    return pairs
