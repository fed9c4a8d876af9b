"""Watches checks across agents by rules, keeps the alerts they raise, and acts on probes.

Cyclic: each round reads what the log has more, lets the rules judge it and time go on, and writes what came of it in
one transaction with how far it is. So nothing is judged twice and nothing left out whatever dies when. The rules' own
states are kept every few seconds; from there the checks since are read again in silence. When the database fails in the
middle the memory is thrown away and all begins anew from what is stored.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from actors.base import LoopActor, describe
from actors.correlator_acts import Acts
from actors.correlator_rules import RuleSource
from actors.correlator_telling import Teller
from pumpkin.bus import Bus
from pumpkin.errors import PumpkinError
from pumpkin.model.agents import Agent, Board
from pumpkin.model.alerts import Alert
from pumpkin.model.alerts.book import Book, Change, condensed
from pumpkin.model.alerts.muting import Surroundings
from pumpkin.model.checks import Observation, Receipt
from pumpkin.model.rules import Engine, Known, RuleFile, Sighting, Signal
from pumpkin.model.rules.document import described
from pumpkin.model.rules.signals import merged
from pumpkin.store import agents, alerts, correlation, mutes
from pumpkin.store.correlation import Lost, Place
from pumpkin.store.database import Database

log = structlog.get_logger("pumpkin.correlator")


@dataclass(frozen=True, slots=True)
class Pace:
    """How often and how much, in seconds and checks. `settle_s`: what was received so recently may not be readable
    yet, so time goes on that much later; `warm` checks at most are read back for a rule that is new."""

    tick_s: float = 0.5
    settle_s: float = 1.0
    keep_s: float = 5.0
    roster_s: float = 10.0
    again_s: float = 1.0
    jump_s: float = 60.0
    batch: int = 500
    warm: int = 20_000
    turn_s: float = 0.005


class Correlator(LoopActor):
    """`origin` names the log, `holder` this installation among all on the database; `rules` is the file, `receive` the
    aggregator's, `board` everybody's presence."""

    def __init__(
        self,
        db: Database,
        bus: Bus,
        *,
        origin: str,
        holder: str,
        rules: Path,
        receive: Callable[[Observation], Awaitable[Receipt]],
        board: Callable[[], Board] = Board,
        acts: Acts | None = None,
        pace: Pace = Pace(),
        now: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        super().__init__()
        self._db, self._holder, self._board, self._pace, self._now = db, holder, board, pace, now
        self._acts, self._source = acts, RuleSource(db, rules)
        self._teller = Teller(db, bus, origin, receive)
        self._wake, self._anew = asyncio.Event(), False
        self._engine, self._book = Engine(RuleFile()), Book()
        self._around = Surroundings()
        self._handled = self._written = self._size = 0
        self._acted = -1
        self._beat = self._kept = self._rostered = 0.0
        self._offset = 0
        self.state = "starting"
        self.last_error: str | None = None
        self.judged = self.rounds = 0
        self._whole = False  # between two rounds: states and place belong together

    # -- what others call

    def wake(self) -> None:
        """Somebody acted: look now."""
        self._wake.set()

    def reload(self) -> None:
        """Read the rule file now, whether it changed or not."""
        self._anew = True
        self._wake.set()

    def status(self) -> dict[str, Any]:
        """For pages and the API: the file, how far it is, and each rule with how it is doing."""
        file = self._source.file
        return {
            "state": self.state,
            "last_error": self.last_error,
            "handled": self._handled,
            "behind": max(0, self._size - self._handled),
            "judged": self.judged,
            **self._source.as_json(),
            "rules": [
                {
                    **described(one),
                    "kind": one.kind,
                    "severity": one.severity,
                    "enabled": one.enabled,
                    **self._engine.figures(one.name),
                    "overflow": self._book.overflow[one.name],
                    "last_error": self._engine.broken.get(one.name),
                }
                for one in file.rule
            ],
            "dependencies": [one.model_dump(mode="json", exclude_defaults=True) for one in file.dependency],
        }

    # -- its life

    async def on_start(self) -> None:
        self._running = self.spawn(self._run(), "correlator")

    async def on_stop(self) -> None:
        self._running.cancel()
        await asyncio.wait([self._running])
        try:
            if self.state == "running" and self._whole:
                await self._keep()
            await correlation.release(self._db, self._holder)
        except (PumpkinError, Lost):
            pass  # the next start reads a little more

    async def _run(self) -> None:
        while True:
            try:
                if not await correlation.hold(self._db, self._holder, self._now()):
                    self.state = "standby"
                    await self._rest(self._pace.again_s)
                    continue
                await self._begin()
                self.state, self.last_error = "running", None
                while True:
                    await self._round()
                    await self._rest(self._pace.tick_s)
            except Lost:
                self.state = "standby"
            except (PumpkinError, TimeoutError) as error:  # the database is away, or too much waits to be stored
                self.state, self.last_error = "waiting", describe(error)
                log.warning("not correlated", reason=self.last_error)
            await self._rest(self._pace.again_s)

    async def _rest(self, most_s: float) -> None:
        try:
            async with asyncio.timeout(most_s):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    # -- the beginning: memory from what is stored

    async def _begin(self) -> None:
        self._whole = False
        await self._source.refresh()
        now = self._now()
        place = await correlation.look(self._db, self._holder)
        self._handled = self._written = place.handled if place.begun else place.size
        self._size, self._beat, self._kept = place.size, time.monotonic(), time.monotonic()
        self._offset = now - time.monotonic_ns() // 1_000
        self._book = Book()
        self._acted = -1
        await self._renew(place)
        self._engine = Engine(self._source.file, since=now)
        self._engine.know(await self._roster())
        fresh = set(self._engine.machines)
        for (rule, digest), kept in (await correlation.states(self._db)).items():
            if self._engine.take_up(rule, digest, kept):
                fresh.discard(rule)
        if place.begun:
            await self._silently(self._engine, place.kept, self._handled)
        await self._warm(fresh, now)
        if self._engine.now > now + self._pace.jump_s * 1e6:
            self._engine.went_back(now)
        if not place.begun:
            await self._keep(anyway=True)
        await self._write(self._seeded(now))
        log.info(
            "correlating", rules=len(self._engine.machines), handled=self._handled, standing=len(self._book.standing)
        )

    def _seeded(self, now: int) -> list[Change]:
        """Alerts that stand are told to their rules; those no rule watches any more are over."""
        return [
            self._book.resolve(one, now, "no rule watches this any more")
            for one in self._book.standing
            if not self._engine.seed(one.rule, one.key, now)
        ]

    async def _warm(self, fresh: set[str], now: int) -> None:
        """What new rules need to know of the past; what it would have said then is not said now."""
        rules = [one for one in self._source.file.rule if one.name in fresh and one.enabled]
        if not rules:
            return
        horizon = max(one.horizon_s for one in rules)
        start = await correlation.since(self._db, now - round(horizon * 1e6), self._pace.warm)
        learner = Engine(RuleFile(rule=tuple(rules)), since=now)
        learner.know(self._engine.roster)
        await self._silently(learner, start, self._handled)
        for name, machine in learner.machines.items():
            for state in machine.states.values():
                state["on"] = False
            self._engine.adopt(name, machine)
        self._engine.know(self._engine.roster)

    async def _silently(self, engine: Engine, start: int, stop: int) -> None:
        for first in range(start, stop, self._pace.batch):
            for one in await self._read(engine, first, min(stop, first + self._pace.batch)):
                engine.observe(one)
            await asyncio.sleep(0)

    async def _read(self, engine: Engine, start: int, stop: int) -> list[Sighting]:
        def paths(kind: str, type: str, agent: str) -> frozenset[str] | None:
            return engine.paths(kind, type, agent) if engine.wants(kind, type, agent) else None

        return await correlation.sightings(self._db, start, stop, paths)

    # -- a round

    async def _round(self) -> None:
        now, clock = self._now(), time.monotonic()
        self._whole = False
        if clock - self._beat > self._pace.keep_s:
            if not await correlation.hold(self._db, self._holder, now):
                raise Lost
            self._beat = clock
        self._mind_the_clock(now)
        await self._reread()
        if clock - self._rostered > self._pace.roster_s:
            await self._take(self._engine.know(await self._roster()))
        place = await correlation.look(self._db, self._holder)
        self._size = place.size
        await self._renew(place)
        while self._handled < place.size:
            await self._batch(min(place.size, self._handled + self._pace.batch))
        await self._take(self._engine.advance(max(self._engine.now, now - round(self._pace.settle_s * 1e6))))
        await self._write(self._book.look(now, self._surroundings(), self._source.file.find))
        await self._tell()
        if clock - self._kept > self._pace.keep_s:
            await self._keep()
        self._whole, self.rounds = True, self.rounds + 1

    async def _batch(self, stop: int) -> None:
        said: list[Signal] = []
        began = time.monotonic()
        for one in await self._read(self._engine, self._handled, stop):
            said += self._engine.observe(one)
            self.judged += 1
            if time.monotonic() - began > self._pace.turn_s:
                await asyncio.sleep(0)
                began = time.monotonic()
        self._handled = stop
        await self._take(said)
        await asyncio.sleep(0)

    async def _take(self, said: Sequence[Signal]) -> None:
        around = self._surroundings()
        changes: list[Change] = []
        for one in merged(said):
            rule = self._source.file.find(one.rule)
            if rule is not None:
                changes += self._book.take(one, rule, around)
        await self._write(condensed(changes))

    async def _write(self, changes: Sequence[Change]) -> None:
        if changes:
            await correlation.write(self._db, self._holder, self._written, self._handled, changes)
            self._written = self._handled

    async def _tell(self) -> None:
        while told := await self._teller.tell():
            for one in told:
                rule = self._source.file.find(str(one.told.get("rule")))
                event = "opened" if one.event == "unmuted" else one.event
                if rule is None or self._acts is None or one.topic == "alert.changed":
                    continue
                wanted = [act for act in rule.act if act.on == event and act.do != "module"]
                if wanted and (alert := await alerts.get(self._db, one.alert)) is not None:
                    _ = self.spawn(self._act(wanted, alert), "correlator acts")

    async def _act(self, wanted: Sequence[Any], alert: Alert) -> None:
        if self._acts is None:
            return
        try:
            for act in wanted:
                for done in await self._acts.perform(act, alert):
                    await alerts.acted(self._db, alert.id, self._now(), done)
            self.wake()
        except PumpkinError as error:
            log.warning("act not noted", rule=alert.rule, reason=describe(error))

    async def _keep(self, *, anyway: bool = False) -> None:
        engine = self._engine
        digests = {name: machine.digest for name, machine in engine.machines.items()}
        changed = engine.changed()
        if changed or anyway or self._written != self._handled:
            await correlation.keep(self._db, self._holder, self._handled, changed, digests)
            self._written = self._handled
        self._kept = time.monotonic()

    # -- what changes around it

    async def _reread(self) -> None:
        anew, self._anew = self._anew, False
        if not await self._source.refresh(anew=anew):
            return
        before, now = self._engine, self._now()
        self._engine = Engine(self._source.file, since=now)
        fresh = set(self._engine.inherit(before))
        self._engine.know(before.roster)
        await self._warm(fresh, now)
        await self._write(self._seeded(now))
        self._engine.everything_changed()
        await self._keep()

    async def _renew(self, place: Place) -> None:
        """People acted, or this is the beginning."""
        if place.acts != self._acted:
            self._book.replace(await alerts.standing(self._db))
            self._around = Surroundings(mutes=await mutes.standing(self._db))
            self._acted = place.acts

    async def _roster(self) -> Mapping[str, Known]:
        self._rostered = time.monotonic()
        return {one.jid: _known(one) for one in await agents.all_agents(self._db)}

    def _surroundings(self) -> Surroundings:
        board, roster = self._board().agents, self._engine.roster

        def away(agent: str) -> bool:
            presence = board.get(agent)
            return agent in roster and (presence is None or presence.show == "unavailable")

        return Surroundings(self._around.mutes, self._source.file.dependency, roster, away)

    def _mind_the_clock(self, now: int) -> None:
        """Time of day against the steady clock: after a jump nothing may look as old, or as young, as it says."""
        offset = now - time.monotonic_ns() // 1_000
        jump, self._offset = (offset - self._offset) / 1e6, offset
        if abs(jump) > self._pace.jump_s:
            log.warning("the clock jumped", by_s=round(jump))
            if jump < 0:
                self._engine.went_back(now)
            else:
                self._engine.deaf_until(now)


def _known(one: Agent) -> Known:
    periods = [each.period_s for each in one.behaviours if each.period_s and each.state not in ("paused", "done")]
    return Known(
        frozenset(one.tags), frozenset(one.duties), one.site, min(periods, default=None), one.state == "approved"
    )
