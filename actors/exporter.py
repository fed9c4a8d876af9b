"""Hands one module its items: in order, again until they are taken, and what is refused for good to the dead letters.

The log is the queue: a module's place in it moves on after its target took an item, in one transaction with the dead
letters. A kill between the two brings the last portion once more, under the same ids. While a target is away its module
waits where it stands; no other module, and nobody who brings checks, waits with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from actors.base import LoopActor, describe
from pumpkin.adapters.modules import Away, DeliveryError, Failed, Module, Outcome, Refused
from pumpkin.errors import StartError, Unavailable
from pumpkin.feed import Feed, Place, Portion
from pumpkin.model.deliveries import Item, plain
from pumpkin.store import deliveries
from pumpkin.store.database import Database
from pumpkin.store.deliveries import DeadLetter, Refusal, Standing, now_us

LOOK_S = 5.0  # how often a module looks that nobody woke
AWAY_S = 1.0  # while the database is away
COUNT_EVERY_S = 10.0
STOP_S = 3.0
GAP_S = 0.05
MOVE_S, MOVE_MOST = 1.0, 50_000
TALLY_S = 2.0
READ_AHEAD, PARTS_S = 32, 1.0
TIDY_EVERY = 50
REASON_LIMIT = 400

log = structlog.get_logger("pumpkin.modules")


@dataclass(frozen=True, slots=True)
class Pace:
    """`timeout_s` bounds one delivery; a failed one is tried again after `backoff_s`, doubled each time up to
    `backoff_max_s`, with jitter. `attempts` is how often an item is tried that fails for reasons unknown."""

    timeout_s: float = 30.0
    attempts: int = 8
    backoff_s: float = 1.0
    backoff_max_s: float = 300.0


class Exporter(LoopActor):
    """One module. `make()` gives a new, unopened one after each failure; `batch` bounds a portion (0 for the module's
    own bound); a new module begins at the end of the log, or at its `beginning`.
    `told` hears of changes worth an event. Of several nodes on one database the one that is `leading()` delivers."""

    def __init__(
        self,
        db: Database,
        feed: Feed,
        make: Callable[[], Module],
        *,
        kind: str,
        pace: Pace = Pace(),
        batch: int = 0,
        beginning: bool = False,
        told: Callable[[dict[str, Any]], None] = lambda _: None,
        leading: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__()
        self._leading = leading
        self._told = told
        self._db, self._feed, self._make, self._kind = db, feed, make, kind
        self._pace, self._batch, self._beginning = pace, batch, beginning
        self.name = feed.name
        self._woken = asyncio.Event()
        self._stopping = False
        self._module: Module | None = None
        self._open = False
        self._faults: dict[Any, int] = {}  # how often an item failed for reasons unknown, by its id
        self._alone_until = (0, 0)
        self._counted_at = float("-inf")
        self._work: asyncio.Task[None] | None = None
        self._noted = 0
        self._tally = _Tally(db, feed.name)
        self._ahead: Place = (0, 0)  # how far it has looked past what it does not want
        self._moved_at = float("-inf")
        self.waiting: int | None = None
        self.waiting_more = False

    async def on_start(self) -> None:
        await deliveries.enrol(self._db, self.name, self._kind, beginning=self._beginning)
        self._work = self.spawn(self._run(), f"module {self.name}")

    async def on_stop(self) -> None:
        """What is under way may end well: less comes twice."""
        self._stopping = True
        self._woken.set()
        if self._work is not None:
            await asyncio.wait([self._work], timeout=STOP_S)

    def wake(self) -> None:
        """There may be something to deliver, or somebody asked for something."""
        self._woken.set()

    async def _run(self) -> None:
        try:
            while not self._stopping:
                self._woken.clear()
                try:
                    rest_s = await self._turn()
                except Unavailable:
                    rest_s = AWAY_S
                if rest_s > 0 and not self._stopping:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._woken.wait(), rest_s)
        finally:
            await self._close()

    async def _turn(self) -> float:
        """One step; how long to rest then, in seconds."""
        if not self._leading():
            self.waiting = None
            await self._close()
            return AWAY_S
        stood = await deliveries.get(self._db, self.name)
        if stood is None:  # somebody forgot it while it runs
            stood = await deliveries.enrol(self._db, self.name, self._kind, beginning=self._beginning)
        left_s = (stood.not_before - now_us()) / 1e6
        if stood.paused or left_s > 0:
            await self._count(stood)
            return LOOK_S if stood.paused else min(left_s, LOOK_S)
        for letter in await deliveries.dead_again(self._db, self.name):
            if self._stopping or not await self._again(stood, letter):
                return 0.0
        alone = stood.attempt > 0 or (stood.seq, stood.event) < self._alone_until
        seen = replace(stood, seq=max(stood.seq, self._ahead[0]), event=max(stood.event, self._ahead[1]))
        size = 1 if alone else self._batch or self._opened().batch
        portion = await self._feed.next(seen, 1 if alone else max(size, READ_AHEAD))
        if portion.items:
            await self._deliver_parts(stood, portion, size)
            return 0.0
        await self._tally.write()
        await self._move(stood, portion.end)
        self.waiting, self.waiting_more = 0, False
        if portion.more:
            return 0.0
        await asyncio.sleep(GAP_S)  # where much is sealed, many seals are one look
        return LOOK_S

    async def _move(self, stood: Standing, end: Place) -> None:
        """Past what it does not want; written down now and then, so that it costs those who store nothing."""
        now = asyncio.get_running_loop().time()
        if end == (stood.seq, stood.event):
            return
        self._ahead = end
        if now - self._moved_at >= MOVE_S or end[0] - stood.seq >= MOVE_MOST:
            self._moved_at = now
            await deliveries.advance(self._db, stood, seq=end[0], event=end[1])

    async def _count(self, stood: Standing) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._counted_at >= COUNT_EVERY_S:
            self._counted_at = now
            await self._tally.write()
            self.waiting, self.waiting_more = await self._feed.count(stood)

    # -- delivering

    async def _deliver_parts(self, stood: Standing, portion: Portion, size: int) -> None:
        """`size` items at a time, until one fails or a second is over: somebody may have asked for something."""
        until = asyncio.get_running_loop().time() + PARTS_S
        for part in portion.parts(size):
            moved = await self._deliver(stood, part)
            if moved is None or self._stopping or asyncio.get_running_loop().time() > until:
                return
            stood = moved

    async def _deliver(self, stood: Standing, portion: Portion) -> Standing | None:
        """Where the module stands then; None when something is still to be tried, or another process moved it."""
        began = asyncio.get_running_loop().time()
        outcomes = await self._try(portion.items)
        took_s = asyncio.get_running_loop().time() - began
        delivered, refusals, problem, done = 0, [], None, 0
        for item, outcome in zip(portion.items, outcomes, strict=True):
            final = self._weigh(item, outcome, alone=len(portion.items) == 1)
            if isinstance(final, Refused):
                refusals.append(_refusal(item, final, self._faults.pop(item.id, 0) + 1))
            elif final is not None:
                problem = final
                break
            else:
                delivered += 1
                self._faults.pop(item.id, None)
            done += 1
        moved, place = False, portion.end
        if done:
            place = portion.places[done - 1] if problem is not None else portion.end
            moved = await deliveries.advance(
                self._db, stood, seq=place[0], event=place[1], delivered=delivered, refusals=refusals
            )
        await self._note(portion.items, delivered, refusals, problem, took_s)
        if refusals or (stood.attempt and done) or (problem is not None and not stood.attempt):
            self._told({"name": self.name, "state": "running" if problem is None else "waiting"})
        if problem is not None:
            if isinstance(problem, Failed):
                self._alone_until = portion.end
            await self._put_off(1 if done else stood.attempt + 1, problem)
            self._counted_at = float("-inf")
            return None
        return replace(stood, seq=place[0], event=place[1], attempt=0) if moved else None

    def _weigh(self, item: Item, outcome: Outcome, *, alone: bool) -> Outcome:
        """`outcome`, or a refusal when the item failed for reasons unknown as often as it may."""
        if not isinstance(outcome, Failed) or not alone:
            return outcome
        count = self._faults.get(item.id, 0) + 1
        if count < self._pace.attempts:
            self._faults[item.id] = count
            return outcome
        return Refused(f"given up after {count} tries: {outcome}")

    async def _try(self, items: Sequence[Item]) -> Sequence[Outcome]:
        """An outcome for each; whatever the module raises is one."""
        error: DeliveryError
        try:
            async with asyncio.timeout(self._pace.timeout_s):
                answers = await (await self._ready()).deliver(items)
            if answers is None:
                return [None] * len(items)
            if len(answers) == len(items):
                if any(isinstance(one, Away | Failed) for one in answers):
                    await self._close()
                return answers
            error = Failed(f"the module answered for {len(answers)} of {len(items)} items")
        except DeliveryError as raised:
            error = raised if isinstance(raised, Away | Refused | Failed) else Failed(str(raised))
            if isinstance(raised, Refused) and len(items) > 1:
                error = Failed(str(raised))  # which of them, is found out one by one
        except TimeoutError:
            error = Away(f"no answer within {self._pace.timeout_s:g} s")
        except Unavailable:
            raise
        except Exception as raised:
            log.error("a module failed", module=self.name, reason=describe(raised), exc_info=raised)
            error = Failed(f"the module failed ({type(raised).__name__})")
        await self._close()
        return [error] * len(items)

    async def _again(self, stood: Standing, letter: DeadLetter) -> bool:
        """Try a dead letter once more, out of its turn; False when the target is away."""
        item = await self._feed.one(letter)
        if item is None:
            await deliveries.buried_again(self._db, letter, "its record is gone")
            return True
        began = asyncio.get_running_loop().time()
        (outcome,) = await self._try([item])
        took_s = asyncio.get_running_loop().time() - began
        if outcome is None:
            await deliveries.risen(self._db, letter)
            await self._note([item], 1, [], None, took_s)
            return True
        if isinstance(outcome, Away):
            await self._note([item], 0, [], outcome, took_s)
            await self._put_off(stood.attempt + 1, outcome)
            return False
        await deliveries.buried_again(self._db, letter, _words(outcome))
        await self._note([item], 0, [_refusal(item, outcome, letter.tries + 1)], None, took_s)
        return True

    async def _put_off(self, attempt: int, problem: DeliveryError) -> None:
        wait_s: float = min(self._pace.backoff_max_s, self._pace.backoff_s * 2.0 ** min(attempt - 1, 30))
        wait_s *= random.uniform(0.75, 1.25)
        if isinstance(problem, Away) and problem.after_s is not None:
            wait_s = max(wait_s, problem.after_s)
        if attempt == 1:
            log.warning("a delivery failed", module=self.name, reason=_words(problem), again_in_s=round(wait_s, 1))
        await deliveries.failed(
            self._db, self.name, attempt=attempt, not_before=now_us() + int(wait_s * 1e6), error=_words(problem)
        )

    async def _note(
        self,
        items: Sequence[Item],
        delivered: int,
        refusals: Sequence[Refusal],
        problem: DeliveryError | None,
        took_s: float,
    ) -> None:
        """Lines for the page: what was delivered, what refused, what failed."""
        if delivered:
            await self._tally.add(delivered, took_s, items[0].subject, now=problem is not None or bool(refusals))
        for one in refusals:
            log.warning("refused for good", module=self.name, delivery=str(one.delivery), reason=one.reason)
            await deliveries.tried(
                self._db, self.name, "refused", items=1, took_s=took_s, subject=one.subject, error=one.reason
            )
        if problem is not None:
            subject = items[min(delivered + len(refusals), len(items) - 1)].subject
            left = len(items) - delivered - len(refusals)
            await deliveries.tried(
                self._db, self.name, "failed", items=left, took_s=took_s, subject=subject, error=_words(problem)
            )
        self._noted += 1
        if self._noted % TIDY_EVERY == 0:
            await deliveries.tidy_tries(self._db, self.name)

    # -- the module itself

    def _opened(self) -> Module:
        if self._module is None:
            self._module = self._make()
            self._open = False
        return self._module

    async def _ready(self) -> Module:
        """The module, opened. Away for whatever keeps it from being: that is no fault of an item."""
        try:
            module = self._opened()
            if not self._open:
                await module.open()
                self._open = True
        except (Away, Unavailable, TimeoutError):
            raise
        except (DeliveryError, StartError) as wrong:
            raise Away(str(wrong)) from wrong
        except Exception as wrong:
            log.error("a module does not open", module=self.name, reason=describe(wrong), exc_info=wrong)
            raise Away(f"the module could not be opened ({type(wrong).__name__})") from wrong
        return module

    async def _close(self) -> None:
        module, self._module = self._module, None
        if module is None:
            return
        try:
            async with asyncio.timeout(STOP_S):
                await module.close()
        except Exception as error:
            log.warning("a module did not close", module=self.name, reason=describe(error))


class _Tally:
    """Deliveries for the page: the first at once, then one line for all of the next seconds."""

    def __init__(self, db: Database, name: str) -> None:
        self._db, self._name = db, name
        self._items, self._took_s, self._subject = 0, 0.0, ""
        self._written_at = float("-inf")

    async def add(self, items: int, took_s: float, subject: str, *, now: bool) -> None:
        """Count deliveries; with `now` they are written down at once."""
        self._subject = self._subject if self._items else subject
        self._items, self._took_s = self._items + items, self._took_s + took_s
        if now or asyncio.get_running_loop().time() - self._written_at >= TALLY_S:
            await self.write()

    async def write(self) -> None:
        """Write down what was counted."""
        items, took_s, self._items, self._took_s = self._items, self._took_s, 0, 0.0
        if items:
            self._written_at = asyncio.get_running_loop().time()
            await deliveries.tried(self._db, self._name, "delivered", items=items, took_s=took_s, subject=self._subject)


def _refusal(item: Item, why: DeliveryError, tries: int) -> Refusal:
    event = item.record is None
    return Refusal(
        delivery=item.id, topic=item.topic, subject=item.subject, reason=_words(why), tries=tries, seq=item.seq,
        event=item.event if event else None, event_at=item.time if event else None,
        data=item.data if event else None,
    )  # fmt: skip


def _words(error: DeliveryError) -> str:
    return plain(str(error) or type(error).__name__, REASON_LIMIT)
