"""An actor that lives on the event loop, on pykka's three hooks for implementors of actor types.

It keeps `start`, `ref`, `proxy`, `ask`, `tell` and `stop` of pykka and adds: handlers may be `async`, the mailbox is
bounded, timers, tasks the actor owns, and watching another actor's death. Waiting for an answer is by `await`:

    ref = Counter.start()
    total = await ref.ask("total", block=False)

One message is handled at a time, in order of arrival. As in pykka, an exception while answering an ask goes to the
asker and the actor lives on; an exception while handling a tell, in `on_start` or in an owned task ends the actor
(then `actors.supervision` decides).
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeVar, cast, overload

import pykka
import structlog
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from actors.mailbox import Inbox, MailboxFull, Reply, Tick, WouldBlock, on_a_loop
from pumpkin.errors import StartError

__all__ = ["Died", "LoopActor", "LoopRef", "MailboxFull", "Reply", "Timer", "WouldBlock", "describe"]

if TYPE_CHECKING:
    # pykka types its hooks as plain functions; ours may be coroutines all the way down, so types start anew here.
    _Actor = Any
else:
    _Actor = pykka.Actor

A = TypeVar("A", bound="LoopActor")
CANCEL_AGAIN_S = 0.1
FAIR_SHARE = 64  # messages handled before others on the loop get their turn

log = structlog.get_logger("pumpkin.actors")


@dataclass(frozen=True, slots=True)
class Died:
    """What a watcher is told: which actor ended, and why (`None` after an ordinary stop)."""

    ref: pykka.ActorRef[Any]
    reason: str | None


@dataclass(frozen=True, slots=True)
class _TaskFailed:
    error: BaseException


def describe(error: BaseException) -> str:
    """One bounded line for a page: the exception's type and text."""
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


class LoopRef(pykka.ActorRef[A]):
    """A pykka ref that refuses to block the event loop and counts what could not be delivered."""

    def tell(self, message: Any) -> None:
        """Put a message; `ActorDeadError` when it has ended, `MailboxFull` past the bound (both dead letters)."""
        try:
            super().tell(message)
        except (pykka.ActorDeadError, MailboxFull) as error:
            self._undelivered(message, describe(error))
            raise

    @overload
    def ask(self, message: Any, *, block: Literal[False], timeout: float | None = None) -> pykka.Future[Any]: ...
    @overload
    def ask(self, message: Any, *, block: Literal[True], timeout: float | None = None) -> Any: ...
    @overload
    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any: ...
    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any:
        """As pykka's; on the loop `block=False` is the only way, and a full mailbox is the future's exception."""
        if block and on_a_loop():
            raise WouldBlock
        try:
            return super().ask(message, block=block, timeout=timeout)
        except MailboxFull as full:
            self._undelivered(message, describe(full))
            if block:
                raise
            refused: Reply[Any] = Reply()
            refused.set_exception()
            return refused

    @overload
    def stop(self, *, block: Literal[True], timeout: float | None = None) -> bool: ...
    @overload
    def stop(self, *, block: Literal[False], timeout: float | None = None) -> pykka.Future[bool]: ...
    @overload
    def stop(self, *, block: bool = True, timeout: float | None = None) -> bool | pykka.Future[bool]: ...
    def stop(self, *, block: bool = True, timeout: float | None = None) -> bool | pykka.Future[bool]:
        """As pykka's; also what makes `ActorRegistry.stop_all()` on the loop an error instead of a deadlock."""
        if block and on_a_loop():
            raise WouldBlock
        return super().stop(block=block, timeout=timeout)

    def _undelivered(self, message: Any, reason: str) -> None:
        actor = self._actor_weakref()
        if actor is not None:
            actor.undelivered(message, reason)


class Timer:
    """Tells its actor a message once or on a fixed grid; ticks missed or still waiting are skipped, not caught up."""

    def __init__(
        self, inbox: Inbox, message: Any, delay_s: float, period_s: float | None, over: Callable[[Timer], None]
    ) -> None:
        self._inbox, self._period_s, self._over = inbox, period_s, over
        self._tick = Tick(message)
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time() + delay_s
        self._handle = self._loop.call_at(self._due, self._fire)

    def cancel(self) -> None:
        """No more ticks; one that waits in the mailbox is still delivered."""
        self._handle.cancel()
        self._over(self)

    def _fire(self) -> None:
        if not self._tick.waiting:
            with contextlib.suppress(MailboxFull):
                self._inbox.put(self._tick)
                self._tick.waiting = True
        if self._period_s is None:
            self._over(self)
        else:
            late = max(0.0, self._loop.time() - self._due)
            self._due += self._period_s * (1 + late // self._period_s)
            self._handle = self._loop.call_at(self._due, self._fire)


class LoopActor(_Actor):  # type: ignore[misc]
    """Subclass it as a pykka actor; `start()` it where the event loop runs.

    `mailbox_limit` bounds the messages that wait. Public methods may be called through `proxy()`.
    """

    mailbox_limit: ClassVar[int] = 1_000
    actor_inbox: Inbox
    actor_stopped: threading.Event

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        super().__init__()
        self.actor_inbox.limit = self.mailbox_limit
        self._actor_ref: LoopRef[Any] = LoopRef(self)
        self.reason: str | None = None  # why it ended, None while it lives and after an ordinary stop
        self.dead_letters = 0
        self.on_undelivered: Callable[[Any, str], None] | None = None
        self.heir: Callable[[list[Envelope[Any]]], None] | None = None  # takes the mailbox after a failure
        self._started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._timers: set[Timer] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._watchers: list[pykka.ActorRef[Any]] = []
        self._life: asyncio.Task[None] | None = None

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> pykka.ActorRef[Self]:
        """Make the actor, register it and let it live; `on_start` runs at the loop's next turn (await `started`)."""
        ref: pykka.ActorRef[Self] = super().start(*args, **kwargs)
        return ref

    # -- pykka's three hooks

    @staticmethod
    def _create_actor_inbox() -> Inbox:
        return Inbox()

    @staticmethod
    def _create_future() -> pykka.Future[Any]:
        return Reply()

    def _start_actor_loop(self) -> None:
        self._life = asyncio.get_running_loop().create_task(self._actor_live(), name=str(self))

    # -- what a subclass writes

    async def on_start(self) -> None:
        """Before the first message. An exception here is the start's failure."""

    async def on_receive(self, message: Any) -> Any:
        """One message; what it returns answers an ask. By default the message is a dead letter."""
        self.undelivered(message, "not understood")

    async def on_stop(self) -> None:
        """After the last message of an ordinary stop, while owned tasks still run."""

    async def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """After an unhandled exception."""

    def release(self) -> None:
        """Last of all, whatever the end was (a kill too): answer those who wait. Owned tasks have ended by then."""

    # -- what a subclass uses

    def every(self, period_s: float, message: Any) -> Timer:
        """Receive `message` every `period_s` seconds from now on; at most one waits in the mailbox."""
        return self._actor_timer(message, period_s, period_s)

    def after(self, delay_s: float, message: Any) -> Timer:
        """Receive `message` once, `delay_s` seconds from now."""
        return self._actor_timer(message, delay_s, None)

    def spawn(self, work: Coroutine[Any, Any, Any], name: str = "") -> asyncio.Task[Any]:
        """Run `work` as a task of this actor: cancelled when the actor ends; its exception ends the actor."""
        task = asyncio.get_running_loop().create_task(work, name=name or str(self))
        self._tasks.add(task)
        task.add_done_callback(self._actor_task_ended)
        return task

    def watch(self, ref: pykka.ActorRef[Any]) -> None:
        """Receive `Died` when that actor ends, at once when it has ended already."""
        other = cast("LoopActor | None", ref._actor_weakref())
        if other is None or not ref.is_alive():
            self._actor_tell_quietly(Died(ref, other.reason if other else None))
        else:
            other._watchers.append(self.actor_ref)

    def undelivered(self, message: Any, reason: str) -> None:
        """Count a dead letter and hand it to the supervisor (a skipped tick is none)."""
        self.dead_letters += 1
        if self.on_undelivered is not None:
            self.on_undelivered(message, reason)
        else:
            log.warning("dead letter", actor=str(self), message=type(message).__name__, reason=reason)

    # -- what its owner uses

    async def started(self) -> None:
        """Until `on_start` is done; raises its exception."""
        await asyncio.shield(self._started)

    async def ended(self) -> None:
        """Until the actor has ended, whatever the reason."""
        if self._life is not None:
            await asyncio.wait([self._life])

    def kill(self) -> None:
        """End it now, in the middle of a message; `on_stop` is not run."""
        if self._life is not None:
            self._life.cancel()

    def when_ended(self, told: Callable[[], None]) -> None:
        """Call `told` on the loop after the actor has ended."""
        if self._life is not None:
            self._life.add_done_callback(lambda _: told())

    # -- its life

    async def _actor_live(self) -> None:
        try:
            await self._actor_begin()
            await self._actor_work()
        except asyncio.CancelledError:
            self.reason = "killed"
        except Exception as error:
            await self._actor_fail(error)
        finally:
            await self._actor_end()

    async def _actor_begin(self) -> None:
        try:
            await self.on_start()
        except BaseException as error:
            self._started.set_exception(error)
            self._started.exception()  # looked at: nobody need be waiting
            raise
        self._started.set_result(None)

    async def _actor_work(self) -> None:
        handled = 0
        while not self.actor_stopped.is_set():
            envelope = await self.actor_inbox.take()
            if isinstance(envelope, Tick):
                envelope.waiting = False
            if envelope.reply_to is None:
                await self._actor_handle(envelope.message)
            else:
                await self._actor_answer(envelope, envelope.reply_to)
            handled += 1
            if handled % FAIR_SHARE == 0:
                await asyncio.sleep(0)

    async def _actor_handle(self, message: Any) -> Any:
        if isinstance(message, _ActorStop):
            await self.on_stop()
            self.actor_stopped.set()
            return None
        if isinstance(message, _TaskFailed):
            raise message.error
        answer = self._handle_receive(message)
        return await answer if inspect.isawaitable(answer) else answer

    async def _actor_answer(self, envelope: Envelope[Any], reply: pykka.Future[Any]) -> None:
        try:
            value = await self._actor_handle(envelope.message)
        except Exception:
            reply.set_exception()
            if isinstance(envelope.message, _ActorStop):
                raise
        except asyncio.CancelledError:
            reply.set_exception((pykka.ActorDeadError, pykka.ActorDeadError(f"{self} was killed"), None))
            raise
        else:
            reply.set(value)

    async def _actor_fail(self, error: Exception) -> None:
        self.reason = describe(error)
        told = isinstance(error, StartError)  # its sentence is all there is to say
        log.error("actor failed", actor=str(self), reason=self.reason, exc_info=None if told else error)
        try:
            await self.on_failure(type(error), error, error.__traceback__)
        except Exception as second:
            log.error("on_failure failed", actor=str(self), reason=describe(second), exc_info=second)

    async def _actor_end(self) -> None:
        self.actor_stopped.set()
        pykka.ActorRegistry.unregister(self.actor_ref)
        for timer in tuple(self._timers):
            timer.cancel()
        await self._actor_cancel_tasks()
        try:
            self.release()
        except Exception as error:
            log.error("release failed", actor=str(self), reason=describe(error), exc_info=error)
        self._actor_leave_mailbox()
        for watcher in self._watchers:
            with contextlib.suppress(pykka.ActorDeadError, MailboxFull):
                watcher.tell(Died(self.actor_ref, self.reason))

    async def _actor_cancel_tasks(self) -> None:
        """Cancelled until they end: clean-up inside a task may turn one cancellation into another exception, which the
        task then handles and lives on (a ROLLBACK on a connection that is being cut off does)."""
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        while tasks:
            for task in tasks:
                task.cancel()
            _, pending = await asyncio.wait(tasks, timeout=CANCEL_AGAIN_S)
            tasks = list(pending)

    def _actor_leave_mailbox(self) -> None:
        left = self.actor_inbox.drain()
        if self.reason is not None and self.heir is not None:
            self.heir([one for one in left if not isinstance(one, Tick) and not _internal(one)])
            return
        for envelope in left:
            if envelope.reply_to is None:
                if not isinstance(envelope, Tick) and not _internal(envelope):
                    self.undelivered(envelope.message, "stopped before handling it")
            elif isinstance(envelope.message, _ActorStop):
                envelope.reply_to.set(None)
            else:
                error = pykka.ActorDeadError(f"{self} stopped before handling the message")
                envelope.reply_to.set_exception((pykka.ActorDeadError, error, None))

    def _actor_timer(self, message: Any, delay_s: float, period_s: float | None) -> Timer:
        timer = Timer(self.actor_inbox, message, delay_s, period_s, self._timers.discard)
        self._timers.add(timer)
        return timer

    def _actor_tell_quietly(self, message: Any) -> None:
        with contextlib.suppress(pykka.ActorDeadError, MailboxFull):
            self.actor_ref.tell(message)

    def _actor_task_ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self.actor_stopped.is_set():
            self.actor_inbox.put_first(Envelope(_TaskFailed(error)))


def _internal(envelope: Envelope[Any]) -> bool:
    return isinstance(envelope.message, _TaskFailed)
