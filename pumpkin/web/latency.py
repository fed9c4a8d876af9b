"""How long answers take: a histogram by dialect, for `GET /metrics`."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterator
from itertools import accumulate

from aiohttp import web

from pumpkin.web.envelope import dialect

BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
Buckets = list[tuple[str, float]]
"""Upper bounds (seconds, the last one +Inf) with how many answers took no longer."""


class Latency:
    """What answers took, counted by `BOUNDS_S`."""

    def __init__(self) -> None:
        self._counts: dict[str, list[int]] = {}
        self._sums_s: dict[str, float] = {}

    def took(self, kind: str, seconds: float) -> None:
        """One more answer of this dialect."""
        counts = self._counts.setdefault(kind, [0] * (len(BOUNDS_S) + 1))
        counts[bisect_left(BOUNDS_S, seconds)] += 1
        self._sums_s[kind] = self._sums_s.get(kind, 0.0) + seconds

    def rows(self) -> Iterator[tuple[str, Buckets, float]]:
        """By dialect: its buckets, and the seconds of all its answers together."""
        for kind, counts in sorted(self._counts.items()):
            below = map(float, accumulate(counts))
            yield kind, list(zip([*map(str, BOUNDS_S), "+Inf"], below, strict=True)), self._sums_s[kind]


LATENCY = web.AppKey("latency", Latency)


def setup(app: web.Application) -> None:
    """Measure every answer of `app`, from its head's arrival until it is made; those that stream are not counted, for
    they last as long as somebody listens."""
    latency = app[LATENCY] = Latency()

    @web.middleware
    async def measured(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        began_s = time.perf_counter()
        response = await handler(request)
        if not response.prepared:
            latency.took(dialect(request.path), time.perf_counter() - began_s)
        return response

    app.middlewares.insert(0, measured)
