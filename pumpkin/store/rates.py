"""The hourly limit of the metered routes: an exact sliding window an owner, shared by every process on the database."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pumpkin.store.database import Database

SPAN_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a limit said: whether the request passes, the limit, what is left, and when (epoch seconds, rounded up) the
    oldest use leaves the window; `wait_s` is how long that is from now, at least 1."""

    passed: bool
    limit: int
    remaining: int
    reset: int
    wait_s: int

    @property
    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset),
        }


def allowance(passed: bool, limit: int, remaining: int, freed: int, clock: int) -> Allowance:
    """From what take_rate answers; its times are in microseconds."""
    wait_s = max(1, math.ceil((freed - clock) / 1e6))
    return Allowance(passed, limit, remaining, math.ceil(freed / 1e6), wait_s)


async def take(db: Database, owner: str, limit: int, *, uses: int = 1, span_s: float = SPAN_S) -> Allowance:
    """Count `uses` for `owner`, all or as many as fit; `passed` when at least one did (0 uses only looks)."""
    async with db.writer() as connection:
        row = await db.queries.rates_take(connection, owner=owner, most=limit, wanted=uses, span=int(span_s * 1e6))
    return allowance(row["taken"] > 0 or not uses, limit, row["remaining"], row["freed"], row["clock"])
