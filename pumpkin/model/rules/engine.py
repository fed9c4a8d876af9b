"""All rules of a file over checks and a clock: the same for what comes in now and for a dry run over the past.

Nothing here touches the world: checks are handed in, and what the rules say is handed out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pumpkin.model.rules.crowds import AgreementMachine, SequenceMachine, SilenceMachine
from pumpkin.model.rules.document import RuleFile
from pumpkin.model.rules.levels import ChangeMachine, ExpectedMachine, FlappingMachine, ThresholdMachine
from pumpkin.model.rules.machine import NEVER, Machine, State, key_for, key_of
from pumpkin.model.rules.selection import STRANGER, Known
from pumpkin.model.rules.sighting import Sighting
from pumpkin.model.rules.signals import Cleared, Key, Signal

SKEW = 86_400 * 1_000_000
"""A rule that goes by when something was seen believes a clock that is this far behind ours at most, and none ahead."""
SOURCES = 10_000
FAULTS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
SKIPPED = frozenset({"alert"})
"""Kinds of checks no rule looks at: what alerts themselves put into the log."""

_MACHINES: Mapping[str, Any] = {
    "change": ChangeMachine,
    "expected": ExpectedMachine,
    "threshold": ThresholdMachine,
    "agreement": AgreementMachine,
    "silence": SilenceMachine,
    "flapping": FlappingMachine,
    "sequence": SequenceMachine,
}

AnyMachine = Machine[Any]


class Engine:
    """The rules that are enabled, each with its machine. `since`: nothing could be heard before (microseconds)."""

    def __init__(self, file: RuleFile, *, since: int = 0) -> None:
        self.file = file
        self.machines: dict[str, AnyMachine] = {one.name: _MACHINES[one.kind](one) for one in file.rule if one.enabled}
        self.roster: Mapping[str, Known] = {}
        self.broken: dict[str, str] = {}  # rules that failed by a fault of ours: set aside, others go on
        self._sources: dict[tuple[str, str], tuple[AnyMachine, ...]] = {}
        self._paths: dict[tuple[str, str], frozenset[str]] = {}
        self.now = since
        self._soonest = [NEVER]
        for name in tuple(self.machines):
            self.adopt(name, self.machines[name])
        self.deaf_until(since)

    def adopt(self, name: str, machine: AnyMachine) -> None:
        """Let a machine that learned elsewhere be this rule's."""
        self.machines[name] = machine
        self._forget_sources()
        machine.soonest = self._soonest
        self._soonest[0] = min(self._soonest[0], machine.next_look)

    # -- what it must be told of

    def know(self, roster: Mapping[str, Known]) -> list[Signal]:
        """The agents there are, anew; what that alone changes."""
        if roster != self.roster:
            self._forget_sources()
        self.roster = roster
        said: list[Signal] = []
        for machine in self.machines.values():
            if isinstance(machine, SilenceMachine | SequenceMachine):
                machine.roster = roster
            if isinstance(machine, SilenceMachine):
                said += machine.retire(self.now)
                for agent, known in roster.items():
                    machine.expect(agent, known, self.now)
        return said

    def deaf_until(self, now: int) -> None:
        """Nothing could be heard before now: we were not running, or the clock jumped ahead."""
        for machine in self.machines.values():
            machine.since = now

    def went_back(self, now: int) -> None:
        """The clock went back."""
        self.now = now
        for machine in self.machines.values():
            machine.went_back(now)
        self.deaf_until(now)

    # -- its work

    def paths(self, kind: str, type: str, agent: str) -> frozenset[str]:
        """Which values of such a check are asked for; empty also where no rule looks at it."""
        machines = self._interested(kind, type, agent)
        if not machines:
            return frozenset()
        found = self._paths.get((type, agent))
        if found is None:
            found = self._paths[type, agent] = frozenset().union(*(one.paths for one in machines))
        return found

    def wants(self, kind: str, type: str, agent: str) -> bool:
        """Whether any rule may look at such a check."""
        return bool(self._interested(kind, type, agent))

    def observe(self, seen: Sighting) -> list[Signal]:
        """One check, with the values of `paths`; checks come in the order of the log."""
        said = self.advance(max(self.now, seen.received)) if seen.received > self.now else []
        machines = self._interested(seen.kind, seen.type, seen.agent)
        if not machines:
            return said
        known = self.roster.get(seen.agent, STRANGER)
        keys: dict[tuple[str, ...], Key] = {}
        for machine in machines:
            try:
                if not machine.fits(seen, known):
                    continue
                by = machine.rule.by
                key = keys.get(by)
                if key is None:
                    key = keys[by] = key_for(by, seen)
                signal = machine.observe(key, seen, self._at(machine, seen))
            except FAULTS as error:
                self._set_aside(machine, error)
                continue
            if signal is not None:
                said.append(signal)
        return said

    def advance(self, now: int) -> list[Signal]:
        """What time alone does, up to `now` (microseconds), in the order of time."""
        self.now = max(self.now, now)
        said: list[Signal] = []
        if now < self._soonest[0]:
            return said
        for machine in tuple(self.machines.values()):
            if machine.next_look <= now:
                try:
                    said += machine.advance(now)
                except FAULTS as error:
                    self._set_aside(machine, error)
        self._soonest[0] = min((one.next_look for one in self.machines.values()), default=NEVER)
        said.sort(key=lambda one: one.at)
        return said

    # -- its states

    def take_up(self, rule: str, digest: str, states: Iterable[tuple[str, Mapping[str, Any]]]) -> bool:
        """Go on from stored states; False when the rule is gone or says something else now."""
        machine = self.machines.get(rule)
        if machine is None or machine.digest != digest:
            return False
        for text, state in states:
            machine.load(text, state)
        return True

    def seed(self, rule: str, key: str, at: int) -> bool:
        """An alert stands; False where no rule can ever say that it is over."""
        machine = self.machines.get(rule)
        if machine is None:
            return False
        group = key_of(key)
        if len(group) != len(machine.rule.by):
            return False
        machine.seed(group, at)
        return True

    def changed(self) -> list[tuple[str, str, str, State | None]]:
        """States that changed since this was last asked: rule, digest, group, the state or None."""
        return [
            (name, machine.digest, key, state)
            for name, machine in self.machines.items()
            for key, state in machine.take_dirty()
        ]

    def everything_changed(self) -> None:
        """Have `changed` tell all states."""
        for machine in self.machines.values():
            machine.dirty |= machine.states.keys()

    def inherit(self, before: Engine) -> list[str]:
        """Take over the states of rules that mean the same as in the engine before; the names of those that do not."""
        fresh = []
        for name, machine in tuple(self.machines.items()):
            old = before.machines.get(name)
            if old is not None and old.digest == machine.digest:
                old.rule, old.selection = machine.rule, machine.selection
                self.adopt(name, old)
            else:
                fresh.append(name)
        self.now = max(self.now, before.now)
        return fresh

    def figures(self, rule: str) -> dict[str, Any]:
        """How a rule is doing: groups it keeps a state of, in how many it is broken, how many were forgotten."""
        machine = self.machines.get(rule)
        if machine is None:
            return {"groups": 0, "firing": 0, "forgotten": 0}
        firing = sum(bool(state["on"]) for state in machine.states.values())
        return {"groups": len(machine.states), "firing": firing, "forgotten": machine.forgotten}

    # -- inside

    def _set_aside(self, machine: AnyMachine, error: Exception) -> None:
        name = machine.rule.name
        self.broken[name] = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        self.machines.pop(name, None)
        self._forget_sources()

    def _forget_sources(self) -> None:
        self._sources.clear()
        self._paths.clear()

    def _interested(self, kind: str, type: str, agent: str) -> tuple[AnyMachine, ...]:
        if kind in SKIPPED:
            return ()
        found = self._sources.get((type, agent))
        if found is None:
            known = self.roster.get(agent, STRANGER)
            found = tuple(one for one in self.machines.values() if one.source(type, agent, known))
            if len(self._sources) >= SOURCES:
                self._forget_sources()
            self._sources[type, agent] = found
        return found

    def _at(self, machine: AnyMachine, seen: Sighting) -> int:
        if machine.rule.clock == "observed" and seen.received - SKEW <= seen.observed <= seen.received:
            return seen.observed
        return seen.received


def gone(rule: str, key: str, at: int, why: str) -> Cleared:
    """What ends an alert that no rule watches any more."""
    return Cleared(rule, key_of(key), at, why)
