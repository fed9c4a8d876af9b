"""Who starts actors, restarts the crashed, and stops them all in exact reverse.

A `System` owns named children. A child that fails is started anew after a back-off, with the messages that were
waiting; its state is rebuilt from the store by its own `on_start`. Past `Restart.limit` restarts within
`Restart.within_s` the child is given up: with `then="escalate"` the system's `escalated` is set and the application
ends, to be started again from outside; with `"leave"` only this child stays down. Every step is an event on the bus
and part of `states()`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar, cast

import pykka
import structlog
from pykka._envelope import Envelope

from actors.base import LoopActor, MailboxFull, Reply, describe
from pumpkin.bus import Bus
from pumpkin.errors import Unavailable

A = TypeVar("A", bound=LoopActor)
LETTERS_EVERY_S = 1.0  # at most one dead-letter event a second and actor; the count loses none

log = structlog.get_logger("pumpkin.actors")


@dataclass(frozen=True, slots=True)
class Restart:
    """How often a child is started again: `limit` times within `within_s` seconds, after a delay that doubles from
    `backoff_s` to `backoff_max_s` (with jitter), and what happens past that."""

    limit: int = 5
    within_s: float = 60.0
    backoff_s: float = 0.05
    backoff_max_s: float = 5.0
    then: Literal["escalate", "leave"] = "escalate"


@dataclass(frozen=True, slots=True)
class ActorState:
    """One child as a page shows it; `since` in microseconds, `waiting` the messages in its mailbox."""

    name: str
    kind: str
    state: Literal["starting", "running", "restarting", "failed", "stopped"]
    restarts: int
    last_error: str | None
    since: int
    waiting: int
    dead_letters: int


class Child(Generic[A]):
    """The lasting address of one supervised actor: it stays the same when the actor behind it is replaced."""

    def __init__(self, system: System, name: str, make: Callable[[], pykka.ActorRef[A]], restart: Restart) -> None:
        self.name, self.restart, self._make, self._system = name, restart, make, system
        self.state: Literal["starting", "running", "restarting", "failed", "stopped"] = "starting"
        self.restarts = 0
        self.last_error: str | None = None
        self.since = time.time_ns() // 1_000
        self.dead_letters = 0
        self.kind = ""
        self._ref: pykka.ActorRef[A] | None = None
        self._actor: A | None = None
        self._waiting: deque[Envelope[Any]] = deque()
        self._failures: deque[float] = deque()
        self._told_at = float("-inf")

    @property
    def running(self) -> bool:
        """Whether `actor` answers now; `state` learns of an actor's end a moment later."""
        return self.state == "running" and self._actor is not None and not self._actor.actor_stopped.is_set()

    @property
    def actor(self) -> A:
        """The actor now, to call its async methods; `Unavailable` while it is down."""
        if self._actor is None or not self.running:
            raise Unavailable(f"The part {self.name!r} is not running at the moment; try again.")
        return self._actor

    @property
    def ref(self) -> pykka.ActorRef[A]:
        """The actor's ref now; a restart replaces it."""
        if self._ref is None:
            raise Unavailable(f"The part {self.name!r} is not running at the moment; try again.")
        return self._ref

    def tell(self, message: Any) -> None:
        """As a ref's; while the actor is being restarted the message waits for its successor."""
        if self._between():
            self._keep(Envelope(message))
        else:
            self.ref.tell(message)

    async def ask(self, message: Any) -> Any:
        """The answer to `message`, from the successor where the actor is being restarted."""
        if self._between():
            reply: Reply[Any] = Reply()
            self._keep(Envelope(message, reply_to=reply))
            return await reply
        return await self.ref.ask(message, block=False)

    def describe(self) -> ActorState:
        """Its state as an immutable value."""
        waiting = len(self._waiting) + (len(self._actor.actor_inbox) if self._actor is not None else 0)
        return ActorState(
            self.name, self.kind, self.state, self.restarts, self.last_error, self.since, waiting, self.dead_letters
        )

    def launch(self) -> A:
        """Start an actor with the messages that waited for it; the caller awaits its `started`."""
        ref = self._make()
        actor = cast("A", ref._actor_weakref())
        self._ref, self._actor, self.kind = ref, actor, type(actor).__name__
        actor.on_undelivered = self._undelivered
        actor.heir = self._inherit
        while self._waiting:
            actor.actor_inbox.put(self._waiting.popleft())
        actor.when_ended(lambda: self._system._ended(self, actor))
        return actor

    def move(self, state: Literal["starting", "running", "restarting", "failed", "stopped"]) -> None:
        """Take a new state, now."""
        self.state, self.since = state, time.time_ns() // 1_000

    def next_delay(self, now_s: float) -> float | None:
        """Seconds until the next start after a failure at `now_s` (monotonic); None past the intensity limit."""
        policy = self.restart
        self._failures.append(now_s)
        while self._failures and self._failures[0] < now_s - policy.within_s:
            self._failures.popleft()
        if len(self._failures) > policy.limit:
            return None
        delay: float = min(policy.backoff_max_s, policy.backoff_s * 2.0 ** (len(self._failures) - 1))
        return delay * random.uniform(0.8, 1.2)

    def give_up(self) -> None:
        """Answer everyone who waits that the actor will not come back."""
        while self._waiting:
            envelope = self._waiting.popleft()
            if envelope.reply_to is not None:
                error = pykka.ActorDeadError(f"{self.name} is down")
                envelope.reply_to.set_exception((pykka.ActorDeadError, error, None))
            else:
                self._undelivered(envelope.message, "the actor is down")

    def _between(self) -> bool:
        """Whether one actor has failed and the next is not there yet (its end may not have been noticed so far)."""
        if self.state in ("failed", "stopped") or self._actor is None:
            return False
        return self.state == "restarting" or (self._actor.actor_stopped.is_set() and self._actor.reason is not None)

    def _inherit(self, left: list[Envelope[Any]]) -> None:
        self._waiting.extend(left)

    def _keep(self, envelope: Envelope[Any]) -> None:
        limit = self._actor.mailbox_limit if self._actor is not None else LoopActor.mailbox_limit
        if len(self._waiting) >= limit:
            self._undelivered(envelope.message, "mailbox full while restarting")
            raise MailboxFull
        self._waiting.append(envelope)

    def _undelivered(self, message: Any, reason: str) -> None:
        self.dead_letters += 1
        now = time.monotonic()
        if now - self._told_at >= LETTERS_EVERY_S:
            self._told_at = now
            kind = type(message).__name__
            log.warning("dead letter", actor=self.name, message=kind, reason=reason, count=self.dead_letters)
            self._system._publish(
                "actor.dead_letter",
                {"actor": self.name, "message": kind, "reason": reason, "count": self.dead_letters},
            )


class System:
    """All supervised actors of one process, by name, in the order they were started."""

    def __init__(self, bus: Bus | None = None) -> None:
        self._bus = bus
        self._children: dict[str, Child[Any]] = {}
        self._restarts: set[asyncio.Task[None]] = set()
        self._stopping = False
        self.escalated: asyncio.Future[ActorState] = asyncio.get_running_loop().create_future()

    async def start(
        self,
        name: str,
        make: Callable[[], pykka.ActorRef[A]],
        *,
        restart: Restart = Restart(),
        within_s: float = 30.0,
    ) -> Child[A]:
        """Start one actor under `name` and wait for its `on_start`: `make` is e.g. `lambda: Sealer.start(db, key)`.

        What fails at the first start is raised here, not retried: wrong settings end the start with their reason.
        """
        if name in self._children:
            raise ValueError(f"an actor named {name!r} runs already")
        child: Child[A] = Child(self, name, make, restart)
        actor = child.launch()
        try:
            async with asyncio.timeout(within_s):
                await actor.started()
        except BaseException:
            child.move("stopped")
            actor.kill()
            await actor.ended()
            raise
        self._children[name] = child
        if actor.actor_stopped.is_set():  # its very first message ended it, before it was ours
            self._ended(child, actor)
        else:
            child.move("running")
        return child

    def find(self, name: str) -> Child[Any]:
        """The child of that name; KeyError when there is none."""
        return self._children[name]

    def states(self) -> tuple[ActorState, ...]:
        """Every child now, in the order of their starts."""
        return tuple(child.describe() for child in self._children.values())

    async def stop(self, within_s: float = 5.0) -> list[str]:
        """Stop every child in exact reverse of the starts, each within `within_s` seconds; who overran its deadline
        was killed and is named in the answer."""
        self._stopping = True
        for task in tuple(self._restarts):
            task.cancel()
        if self._restarts:
            await asyncio.wait(tuple(self._restarts))
        overdue = [child.name for child in reversed(self._children.values()) if not await self._stop(child, within_s)]
        for name in overdue:
            log.error("actor overran its stop and was killed", actor=name, within_s=within_s)
        return overdue

    async def remove(self, name: str, within_s: float = 5.0) -> bool:
        """Stop one child and forget it; False when it had to be killed."""
        child = self._children.pop(name)
        child.restart = Restart(limit=0, then="leave")
        return await self._stop(child, within_s)

    async def _stop(self, child: Child[Any], within_s: float) -> bool:
        actor: LoopActor | None = child._actor
        child.move("stopped" if child.state != "failed" else "failed")
        child.give_up()
        if actor is None or actor.actor_stopped.is_set():
            return True
        actor.stop()
        try:
            async with asyncio.timeout(within_s):
                await actor.ended()
        except TimeoutError:
            child.last_error = f"did not stop within {within_s:g} s"
            actor.kill()
            await asyncio.wait([asyncio.ensure_future(actor.ended())], timeout=1.0)
            return False
        return True

    def _ended(self, child: Child[Any], actor: LoopActor) -> None:
        if actor is not child._actor or child.state in ("starting", "stopped", "failed"):
            return
        if actor.reason is None or self._stopping:
            child.move("stopped")
            child.give_up()
            return
        child.last_error = actor.reason
        self._restart_or_give_up(child)

    def _restart_or_give_up(self, child: Child[Any]) -> None:
        delay_s = child.next_delay(asyncio.get_running_loop().time())
        if delay_s is None:
            self._escalate(child)
            return
        child.restarts += 1
        child.move("restarting")
        log.warning("actor restarts", actor=child.name, reason=child.last_error, delay_s=round(delay_s, 3))
        self._publish(
            "actor.restarted",
            {"actor": child.name, "reason": child.last_error, "restarts": child.restarts, "delay_s": delay_s},
        )
        task = asyncio.get_running_loop().create_task(self._start_again(child, delay_s))
        self._restarts.add(task)
        task.add_done_callback(self._restarts.discard)

    async def _start_again(self, child: Child[Any], delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        child.move("starting")
        actor: LoopActor | None = None
        try:
            actor = child.launch()
            await actor.started()
        except Exception as error:
            child.last_error = describe(error)
            if actor is not None:
                await actor.ended()
            self._restart_or_give_up(child)
            return
        child.move("running")
        if actor.actor_stopped.is_set():
            self._ended(child, actor)

    def _escalate(self, child: Child[Any]) -> None:
        child.move("failed")
        child.give_up()
        log.error("actor given up", actor=child.name, reason=child.last_error, then=child.restart.then)
        self._publish("actor.failed", {"actor": child.name, "reason": child.last_error, "restarts": child.restarts})
        if child.restart.then == "escalate" and not self.escalated.done():
            self.escalated.set_result(child.describe())

    def _publish(self, topic: str, data: dict[str, Any]) -> None:
        if self._bus is not None:
            self._bus.publish(topic, data)
