"""How long a client may take: an open connection without a request ends, and a body must come on at some pace.

A connection that carries a request (an answer being made, an event stream, a websocket) is left alone; its handler has
deadlines of its own. One that is silent, or drips a request's head byte by byte, costs memory and a descriptor for as
long as a stranger likes, with no key at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Protocol

from aiohttp import web
from aiohttp.typedefs import Middleware

from pumpkin.errors import PumpkinError

IDLE_S = 75.0  # between two requests of one connection, and until the first one's head is whole
LOOK_S = 5.0
BODY_START_S = 30.0  # for a body in all, and more by its length:
BODY_PACE = 16 * 1024  # bytes a second

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class TooSlow(PumpkinError):
    """The body came too slowly; send it again over a better line, or in smaller parts."""

    status = 408
    code = "too_slow"


class Connection(Protocol):
    """What is asked of aiohttp's request handlers, one a connection."""

    def force_close(self) -> None: ...


class Patience:
    """Ends connections that carry no request for `idle_s` seconds. `watched` is the middleware that tells it which do;
    it has to be the outermost one."""

    def __init__(self, idle_s: float = IDLE_S, look_s: float = LOOK_S) -> None:
        self._idle_s, self._look_s = idle_s, look_s
        self._busy: dict[object, int] = {}
        self._quiet_since: dict[object, float] = {}

    def carries(self, connection: object) -> bool:
        """Whether a request is under way on it."""
        return connection in self._busy

    def watched(self) -> Middleware:
        """The middleware."""

        @web.middleware
        async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
            connection = request.protocol
            self._busy[connection] = self._busy.get(connection, 0) + 1
            try:
                return await handler(request)
            finally:
                left = self._busy.pop(connection) - 1
                if left:
                    self._busy[connection] = left
                else:
                    self._quiet_since.pop(connection, None)

        return watch

    def end_idle(self, connections: Iterable[Connection], now_s: float) -> int:
        """Close those quiet for too long; how many there were. `now_s` is on the monotonic clock."""
        since: dict[object, float] = {}
        ended = 0
        for connection in connections:
            if connection in self._busy:
                continue
            first = self._quiet_since.get(connection, now_s)
            if now_s - first < self._idle_s:
                since[connection] = first
            else:
                connection.force_close()
                ended += 1
        self._quiet_since = since
        return ended

    async def keep(self, server: web.Server) -> None:
        """Look at the server's connections for as long as this runs."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._look_s)
            self.end_idle(server.connections, loop.time())


class Pace:
    """A deadline that moves on as a body comes: `BODY_START_S` seconds, and one more for each `BODY_PACE` bytes."""

    def __init__(self, deadline: asyncio.Timeout, first_s: float) -> None:
        self._deadline, self._first_s = deadline, first_s

    def came(self, size: int) -> None:
        """So many bytes are there by now."""
        self._deadline.reschedule(self._first_s + size / BODY_PACE)


@asynccontextmanager
async def pace(patience_s: float = BODY_START_S) -> AsyncIterator[Pace]:
    """For the time a body is read; TooSlow when it does not come."""
    start_s = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout_at(start_s + patience_s) as deadline:
            yield Pace(deadline, start_s + patience_s)
    except TimeoutError:
        raise TooSlow from None
