"""Topics in the process: publish to many, never block the publisher.

An event has the shape of rulings.md 29. A subscriber owns a bounded queue; when it is full the subscription is closed
and told so: `Subscription.overrun` is set and iteration ends, so the reader can close its socket and catch up by
`since`.
The bus remembers the last `history` events so that a reader who comes back with the last id it saw misses nothing
within that window.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

ALL = "*"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened: `topic`, a number that only grows while the process lives, when, and what. `foreign`
    when another node told it."""

    topic: str
    id: int
    time: datetime
    data: Any
    foreign: bool = False
    _text: list[str] = field(default_factory=list, compare=False, repr=False)

    @property
    def text(self) -> str:
        """`as_json` as JSON text, made once however many read it."""
        if not self._text:
            self._text.append(json.dumps(self.as_json()))
        return self._text[0]

    def as_json(self) -> dict[str, Any]:
        """The wire shape `{"topic", "id", "time", "data"}`, time in RFC 3339 UTC."""
        return {
            "topic": self.topic,
            "id": self.id,
            "time": self.time.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "data": self.data,
        }


@dataclass(eq=False)
class Subscription:
    """A bounded queue of events; iterate it, and close it when done. With `asks` false it hears what is published
    anyway, and is no reason to make what costs something."""

    bus: Bus
    topics: frozenset[str]
    limit: int
    asks: bool = True
    overrun: bool = False
    _queue: deque[Event] = field(default_factory=deque)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _closed: bool = False

    def offer(self, event: Event) -> None:
        """Take one event without waiting; past the limit the subscription ends as overrun."""
        if self._closed:
            return
        if len(self._queue) >= self.limit:
            self.overrun = True
            self.close()
            return
        self._queue.append(event)
        self._wake.set()

    def close(self) -> None:
        """End the subscription; what is queued may still be read unless it was overrun."""
        if not self._closed:
            self._closed = True
            self.bus.forget(self)
            self._wake.set()

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            while self._queue and not self.overrun:
                yield self._queue.popleft()
            if self._closed:
                return
            self._wake.clear()
            await self._wake.wait()

    async def batches(self) -> AsyncIterator[list[Event]]:
        """All that waits, as often as something does: for who reads now and then."""
        async for event in self:
            found = [event, *self._queue]
            self._queue.clear()
            yield found


class Bus:
    """All topics of one process. `publish` is called on the loop and never waits.

    Ids count up from `first`: the time in microseconds at start keeps them growing over restarts, so that who comes
    back to another process is told by `missed` rather than left in the dark.
    """

    def __init__(self, history: int = 1_000, first: int = 1) -> None:
        self._readers: dict[str, set[Subscription]] = {}
        self.readers = 0
        self._history: deque[Event] = deque(maxlen=history)
        self._ids = itertools.count(first)
        self._next = first

    def publish(self, topic: str, data: Any, *, foreign: bool = False) -> None:
        """Hand `data` (JSON values) to every reader of `topic` and of all topics."""
        event = Event(topic, next(self._ids), datetime.now(UTC), data, foreign)
        self._next = event.id + 1
        self._history.append(event)
        for reader in (*self._readers.get(topic, ()), *self._readers.get(ALL, ())):
            reader.offer(event)

    def subscribe(
        self, topics: Iterable[str] = (ALL,), *, limit: int = 1_000, since: int | None = None, asks: bool = True
    ) -> Subscription:
        """Read `topics` (`"*"` is all). With `since`, first the remembered events with a greater id."""
        subscription = Subscription(self, frozenset(topics), limit, asks)
        self.readers += 1
        for topic in subscription.topics:
            self._readers.setdefault(topic, set()).add(subscription)
        if since is not None:
            for event in self._history:
                if event.id > since and (ALL in subscription.topics or event.topic in subscription.topics):
                    subscription.offer(event)
        return subscription

    def missed(self, since: int) -> bool:
        """Whether events after the one with id `since` are no longer remembered, or it is not an id of this bus."""
        oldest = self._history[0].id if self._history else self._next
        return not oldest - 1 <= since < self._next

    @property
    def last(self) -> int:
        """The id of the newest event; one less than the first one's before there is any."""
        return self._next - 1

    def moved(self, since: int) -> set[str]:
        """The topics of the remembered events after the one with id `since`."""
        return {event.topic for event in self._history if event.id > since}

    def forget(self, subscription: Subscription) -> None:
        """Drop a reader; a topic without readers is forgotten."""
        self.readers -= 1
        for topic in subscription.topics:
            readers = self._readers.get(topic)
            if readers is not None:
                readers.discard(subscription)
                if not readers:
                    del self._readers[topic]

    def read_by_anyone(self, topic: str) -> bool:
        """Whether publishing on `topic` would reach somebody (spares making costly data for nobody)."""
        return any(reader.asks for name in (topic, ALL) for reader in self._readers.get(name, ()))

    def listen(self, topics: Iterable[str], heard: Callable[[Event], None]) -> Callable[[], None]:
        """Call `heard` for each event from a task of its own; the answer stops it."""
        subscription = self.subscribe(topics, limit=10_000)

        async def pump() -> None:
            async for event in subscription:
                heard(event)

        task = asyncio.get_running_loop().create_task(pump())

        def stop() -> None:
            subscription.close()
            task.cancel()

        return stop
