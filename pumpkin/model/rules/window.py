"""A figure over the last so many seconds, in bounded memory."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Any

ENTRIES = 500
"""Past so many a window's neighbours are merged two by two: exact for what is rare, close for a flood."""


class Window:
    """Entries of (time in microseconds, how many, sum, least, greatest, how many of them hold), oldest first. How many
    there are, their sum and how many hold is kept up as they come and go."""

    __slots__ = ("count", "entries", "held", "total")

    def __init__(self, entries: Sequence[Sequence[float]] = ()) -> None:
        self.entries: deque[list[float]] = deque(list(one) for one in entries)
        self.count, self.total, self.held = 0.0, 0.0, 0.0
        self._summed()

    def add(self, at: int, value: float, holding: bool) -> None:
        held = 1 if holding else 0
        self.entries.append([at, 1, value, value, value, held])
        self.count += 1
        self.total += value
        self.held += held
        if len(self.entries) > 1 and self.entries[-2][0] > at:
            self.entries = deque(sorted(self.entries, key=lambda one: one[0]))
        if len(self.entries) > ENTRIES:
            self._merge()

    def prune(self, before: int) -> None:
        """Forget what is as old as `before` or older."""
        while self.entries and self.entries[0][0] <= before:
            one = self.entries.popleft()
            self.count -= one[1]
            self.total -= one[2]
            self.held -= one[5]
        if not self.entries:
            self.count = self.total = self.held = 0.0

    def clamp(self, now: int) -> None:
        """The clock went back: nothing is later than now."""
        for one in self.entries:
            one[0] = min(one[0], now)

    @property
    def oldest(self) -> int | None:
        return int(self.entries[0][0]) if self.entries else None

    def figure(self, aggregate: str, window_s: float) -> float | None:
        """The aggregate now; None where there is nothing to take it of."""
        if aggregate == "count":
            return self.count
        if aggregate == "rate":
            return self.count / window_s
        if aggregate == "sum":
            return self.total
        if not self.count:
            return None
        if aggregate == "mean":
            return self.total / self.count
        if aggregate == "min":
            return min(one[3] for one in self.entries)
        if aggregate == "max":
            return max(one[4] for one in self.entries)
        return self.held / self.count

    def dump(self) -> list[list[Any]]:
        return [list(one) for one in self.entries]

    def _merge(self) -> None:
        old = list(self.entries)
        merged: deque[list[float]] = deque()
        for place in range(0, len(old) - 1, 2):
            a, b = old[place], old[place + 1]
            merged.append([b[0], a[1] + b[1], a[2] + b[2], min(a[3], b[3]), max(a[4], b[4]), a[5] + b[5]])
        if len(old) % 2:
            merged.append(old[-1])
        self.entries = merged
        self._summed()

    def _summed(self) -> None:
        self.count = sum(one[1] for one in self.entries)
        self.total = math.fsum(one[2] for one in self.entries)
        self.held = sum(one[5] for one in self.entries)
