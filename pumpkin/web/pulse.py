"""Live pages kept cheap: which topics moved is told to all of them at once, and what they fetch then is made once.

A page does not need every event, only to know what to fetch again. With `pace=page` the events' address sends one
message a beat at most, the topics that moved since the last; `every` asks the page to fetch no more often than that
(seconds, more the more pages are open). Between two beats one fragment of a page is rendered once for each role.

A browser cannot see a line that leads nowhere (a host that hangs, an entry a router dropped): nobody closes it. So
each page is told `pages.alive` when it comes and every `alive` seconds from then on, with our time; one that hears
nothing for twice as long gives its line up. Where a page is gone, WebSocket pings (RFC 6455 section 5.5.2) tell us.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSCloseCode, web

from pumpkin.bus import ALL, Bus

BEAT_S = 1.0
PROMPT_S = 0.05
FRESH_S = 1.5
FETCHES = 50.0
"""How many fetches a second all open pages together are asked to keep to."""
ALIVE_S = 12.0
HEARTBEAT_S = 30.0
_KEPT = 512
_FRAME_LIMIT = 4_096
_LOST = "events.lost"

Rendered = tuple[bytes, int]


@dataclass(eq=False)
class _Page:
    """One open page. `owed` are topics that moved while it was being told others."""

    socket: web.WebSocketResponse
    transport: asyncio.Transport | None
    topics: frozenset[str]
    busy: bool = False
    owed: set[str] = field(default_factory=set)
    timer: asyncio.TimerHandle | None = None


class Pulse:
    """One for an application: `serve` takes a page's websocket, `shared` what pages fetch."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._pages: set[_Page] = set()
        self._moved: set[str] = set()
        self._last = 0.0
        self._due: asyncio.TimerHandle | None = None
        self._made: dict[Hashable, tuple[asyncio.Future[Rendered], float]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.beats = 0
        self.alive_s = ALIVE_S

    async def start(self, _: web.Application) -> None:
        """Begin to listen."""
        self._hold(self._listen())

    async def close(self, _: web.Application) -> None:
        """Say goodbye to every page, and end."""
        if self._due is not None:
            self._due.cancel()
        pages = list(self._pages)
        await asyncio.gather(*(one.socket.close(code=WSCloseCode.GOING_AWAY) for one in pages), return_exceptions=True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def serve(
        self, request: web.Request, topics: frozenset[str], since: int | None = None
    ) -> web.WebSocketResponse:
        """A page's websocket, until it closes. What moved after the event `since`, its page may not show yet."""
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=_FRAME_LIMIT, compress=False)
        await socket.prepare(request)
        page = _Page(socket, request.transport, topics)
        self._pages.add(page)
        try:
            self._alive(page)
            if since is not None:
                self._offer(page, {_LOST} if self._bus.missed(since) else self._bus.moved(since))
            async for _ in socket:
                pass
        finally:
            self._pages.discard(page)
            if page.timer is not None:
                page.timer.cancel()
        return socket

    async def shared(self, key: Hashable, make: Callable[[], Awaitable[Rendered]]) -> Rendered:
        """What `make` makes, once between two beats and at most every two: who asks meanwhile gets the same."""
        made, until = self._made.get(key, (None, 0.0))
        if made is None or until < time.monotonic():
            if len(self._made) >= _KEPT:
                self._made.clear()
            made = asyncio.ensure_future(make())
            self._made[key] = made, time.monotonic() + 2 * BEAT_S
            made.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(made)

    def _forget(self, key: Hashable, done: asyncio.Future[Rendered]) -> None:
        failed = done.cancelled() or done.exception() is not None
        if failed and self._made.get(key, (None, 0.0))[0] is done:
            del self._made[key]

    @property
    def every(self) -> float:
        """How often a page may fetch, in seconds."""
        return max(FRESH_S, len(self._pages) / FETCHES)

    async def _listen(self) -> None:
        while True:
            subscription = self._bus.subscribe((ALL,), limit=20_000, asks=False)
            async for event in subscription:
                self._heard(event.topic)
            if not subscription.overrun:
                return
            self._heard(_LOST)

    def _heard(self, topic: str) -> None:
        self._moved.add(topic)
        if not self._pages:
            self._made.clear()
        elif self._due is None:
            wait = max(PROMPT_S, self._last + BEAT_S - time.monotonic())
            self._due = asyncio.get_running_loop().call_later(wait, self._beat)

    def _beat(self) -> None:
        self._due, self._last = None, time.monotonic()
        moved, self._moved = self._moved, set()
        self.beats += 1
        self._made.clear()
        text = self._told(moved)
        for page in self._pages:
            self._offer(page, moved, text)

    def _alive(self, page: _Page) -> None:
        if not page.busy:  # else it is being told something, which says as much
            self._say(page, _message("alive", alive=self.alive_s))
        page.timer = asyncio.get_running_loop().call_later(self.alive_s, self._alive, page)

    def _offer(self, page: _Page, moved: set[str], text: str = "") -> None:
        if not page.topics & moved and _LOST not in moved:
            return
        if page.busy:
            page.owed |= moved
        else:
            self._say(page, text or self._told(moved))

    def _told(self, moved: set[str]) -> str:
        return _message("moved", topics=sorted(moved), every=round(self.every, 2))

    def _say(self, page: _Page, text: str) -> None:
        page.busy = True
        self._hold(self._tell(page, text))

    async def _tell(self, page: _Page, text: str) -> None:
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                await page.socket.send_str(text)
        except (ConnectionError, RuntimeError, TimeoutError):
            self._pages.discard(page)
            if page.transport is not None:
                page.transport.abort()
            return
        page.busy = False
        owed, page.owed = page.owed, set()
        if owed:
            self._say(page, self._told(owed))

    def _hold(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        assert isinstance(task, asyncio.Task)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _message(kind: str, **data: Any) -> str:
    return json.dumps({"topic": f"pages.{kind}", "data": {"now": time.time_ns() // 1_000_000, **data}})


PULSE = web.AppKey("pulse", Pulse)


def setup(app: web.Application, bus: Bus) -> None:
    """Put a pulse on `app`."""
    pulse = app[PULSE] = Pulse(bus)
    app.on_startup.append(pulse.start)
    app.on_shutdown.append(pulse.close)
