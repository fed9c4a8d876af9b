"""Events told while a phase runs: each kind bounded, and what is the same told once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

EVENTS_A_KIND = 500
KEYS = 80_000


class Teller:
    """`cut` counts, by kind, what was over a bound and not told."""

    def __init__(self, tell: Callable[[dict[str, Any]], None]) -> None:
        self._tell = tell
        self._told: dict[str, int] = {}
        self._once: set[tuple[Any, ...]] = set()
        self.cut: dict[str, int] = {}

    def count(self, what: str) -> None:
        """One more that was cut."""
        self.cut[what] = self.cut.get(what, 0) + 1

    def first(self, key: tuple[Any, ...], kind: str, **fields: Any) -> None:
        """Tell it unless `key` was told before."""
        if key in self._once:
            return
        if len(self._once) < KEYS:
            self._once.add(key)
        self.event(kind, **fields)

    def event(self, kind: str, **fields: Any) -> None:
        """Tell it, without the fields that say nothing."""
        told = self._told[kind] = self._told.get(kind, 0) + 1
        if told > EVENTS_A_KIND:
            self.count(kind)
            return
        self._tell({"kind": kind, **{name: value for name, value in fields.items() if value not in (None, "", False)}})
