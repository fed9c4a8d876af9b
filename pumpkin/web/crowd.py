"""How many connections may stand open, so that no stranger takes the descriptors that database, files and others need.

Where all places are taken, the oldest connections without a request under way, of the address that holds most, give
theirs: whoever only holds connections meets himself, and who asks something at once is answered.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable

import structlog

MOST = 10_000
KEPT_BACK = 2_048
"""Descriptors that no connection may take."""
WANTED = 65_536
AT_ONCE = 64
"""How many give way together, so that the search for them is paid for."""
TELL_S = 10.0
_log = structlog.get_logger("web")


class Crowd:
    """Open connections by address, at most `most`. `carries` tells those with a request under way, which stay."""

    def __init__(
        self,
        most: int,
        carries: Callable[[object], bool] = lambda _: False,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._carries, self._clock = most, carries, clock
        self._places: dict[object, tuple[str, Callable[[], object]]] = {}
        self._addresses: dict[str, dict[object, None]] = {}
        self.dropped = 0
        self._told = 0
        self._tell_at = 0.0

    def __len__(self) -> int:
        return len(self._places)

    def came(self, who: object, source: str, end: Callable[[], object]) -> bool:
        """Whether `who` of the address `source` finds a place; `end` is called when it has to give it up."""
        if len(self._places) >= self._most and not self._make_room():
            self._drop(1, source)
            return False
        self._places[who] = source, end
        self._addresses.setdefault(source, {})[who] = None
        return True

    def left(self, who: object) -> None:
        """It is closed, or given up."""
        source, _ = self._places.pop(who, ("", None))
        if (mine := self._addresses.get(source)) is not None:
            mine.pop(who, None)
            if not mine:
                del self._addresses[source]

    def _make_room(self) -> bool:
        source = max(self._addresses, key=lambda one: len(self._addresses[one]))
        quiet = (one for one in self._addresses[source] if not self._carries(one))
        chosen = [one for one, _ in zip(quiet, range(AT_ONCE), strict=False)]
        for one in chosen:
            _, end = self._places[one]
            self.left(one)
            end()
        self._drop(len(chosen), source)
        return bool(chosen)

    def _drop(self, count: int, source: str) -> None:
        self.dropped += count
        now = self._clock()
        if count and now >= self._tell_at:
            _log.warning(
                "connections dropped", count=self.dropped - self._told, most_from=source, open=len(self._places)
            )
            self._told, self._tell_at = self.dropped, now + TELL_S


def places() -> int:
    """How many connections there is room for: as many descriptors as this process may have, without KEPT_BACK."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    if soft == resource.RLIM_INFINITY:
        return MOST
    return min(MOST, max(soft - KEPT_BACK, soft // 2))
