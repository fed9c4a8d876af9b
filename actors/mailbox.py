"""What a loop actor is reached by: a bounded mailbox, and the future an ask answers with.

Both keep pykka's interface (`put`/`get`/`empty`; `get`/`set`/`set_exception`/`set_get_hook`), so that pykka's refs and
proxies work with them unchanged. Both may be used from other threads; on the event loop nothing here ever blocks.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import pykka
from pykka._envelope import Envelope

from pumpkin.errors import Backpressure

T = TypeVar("T")


def on_a_loop() -> bool:
    """Whether the calling thread is running an event loop now, so that waiting would freeze it."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class WouldBlock(RuntimeError):
    """Waiting here would block the event loop; await the future instead (`ask(..., block=False)`)."""

    def __init__(self, pending: Reply[Any] | None = None) -> None:
        super().__init__(" ".join((WouldBlock.__doc__ or "").split()))
        self.pending = pending


class MailboxFull(Backpressure):
    """The actor's mailbox is full; nothing of this was kept, send it again."""


class Reply(pykka.Future[T]):
    """A pykka future that is awaited on the loop, and waited for with `get` in other threads only.

    Derived futures (`map`, `filter`, `join`, `reduce`, what `stop(block=False)` gives) can be awaited too.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._done = False
        self._value: T | None = None
        self._error: BaseException | None = None
        self._waiters: list[Callable[[], None]] = []

    def get(self, *, timeout: float | None = None) -> Any:
        """The value, or its exception raised. Waits up to `timeout` seconds (then `pykka.Timeout`) in a thread;
        on the loop `WouldBlock` is raised where it would have to wait."""
        if self._get_hook is not None:
            return super().get(timeout=timeout)
        if not self._done:
            if on_a_loop():
                raise WouldBlock(self)
            self._wait_in_thread(timeout)
        if self._error is not None:
            raise self._error
        return self._value

    def set(self, value: T | None = None) -> None:
        """Answer with a value; a second answer is an error."""
        self._resolve(value, None)

    def set_exception(self, exc_info: Any = None) -> None:
        """Answer with an exception: a `sys.exc_info()` triple, by default the one being handled."""
        kind, error, traceback = exc_info or sys.exc_info()
        if error is None:
            error = kind() if kind is not None else RuntimeError("set_exception without an exception")
        if error.__traceback__ is not traceback:
            error = error.with_traceback(traceback)
        self._resolve(None, error)

    def _resolve(self, value: T | None, error: BaseException | None) -> None:
        with self._lock:
            if self._done or self._get_hook is not None:
                raise RuntimeError("this future has its answer already")
            self._value, self._error, self._done = value, error, True
            waiters, self._waiters = self._waiters, []
        for wake in waiters:
            wake()

    def _when_done(self, wake: Callable[[], None]) -> None:
        with self._lock:
            if not self._done:
                self._waiters.append(wake)
                return
        wake()

    def _wait_in_thread(self, timeout: float | None) -> None:
        ready = threading.Event()
        self._when_done(ready.set)
        if not ready.wait(timeout):
            raise pykka.Timeout(f"{timeout} seconds")

    def _wait_on_loop(self) -> Generator[Any, None, None]:
        loop = asyncio.get_running_loop()
        here = threading.get_ident()
        waiting: asyncio.Future[None] = loop.create_future()

        def arrive() -> None:
            if not waiting.done():
                waiting.set_result(None)

        def wake() -> None:
            if threading.get_ident() == here:
                arrive()
            else:
                loop.call_soon_threadsafe(arrive)

        self._when_done(wake)
        yield from waiting.__await__()

    def __await__(self) -> Generator[Any, None, T]:
        while True:
            try:
                value: T = self.get()
            except WouldBlock as blocked:
                pending = blocked.pending
                if pending is None or pending._done:
                    raise  # an answer that is itself a WouldBlock, not our own waiting
            else:
                return value
            yield from pending._wait_on_loop()


class Tick(Envelope[Any]):
    """A timer's message; `waiting` while it stands in the mailbox, so that ticks never pile up."""

    __slots__ = ("waiting",)

    def __init__(self, message: Any) -> None:
        super().__init__(message)
        self.waiting = False


class Inbox:
    """A first-in-first-out mailbox of at most `limit` messages; stop and failure notices pass the bound.

    `put` may be called in any thread; reading is for the one actor that owns it, on its loop.
    """

    def __init__(self, limit: int = 1_000) -> None:
        self.limit = limit
        self._queue: deque[Envelope[Any]] = deque()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._waiter: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._queue)

    def empty(self) -> bool:
        return not self._queue

    def put(self, envelope: Envelope[Any]) -> None:
        """Append one message; `MailboxFull` past the limit. Never waits."""
        if len(self._queue) >= self.limit and not _urgent(envelope):
            raise MailboxFull
        self._queue.append(envelope)
        self._notify()

    def put_first(self, envelope: Envelope[Any]) -> None:
        """Put a notice before everything that waits, past the limit if need be."""
        self._queue.appendleft(envelope)
        self._notify()

    def get(self) -> Envelope[Any]:
        """The oldest message, without waiting: IndexError when there is none (pykka's interface)."""
        return self._queue.popleft()

    async def take(self) -> Envelope[Any]:
        """The oldest message, waiting for one."""
        while not self._queue:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._queue.popleft()

    def drain(self) -> list[Envelope[Any]]:
        """Everything that waits, oldest first; the mailbox is empty after."""
        left = list(self._queue)
        self._queue.clear()
        return left

    def _notify(self) -> None:
        if threading.get_ident() == self._thread:
            self._wake()
        else:
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _urgent(envelope: Envelope[Any]) -> bool:
    return isinstance(envelope.message, pykka.messages._ActorStop)
