"""Machines that need more than one voice or more than one moment: agreement, silence, sequence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from statistics import median
from typing import Any
from uuid import UUID

from pumpkin.model.alerts import Link
from pumpkin.model.rules.document import Agreement, Select, Sequence, Silence
from pumpkin.model.rules.levels import plain
from pumpkin.model.rules.machine import Machine, State, link, links, micros, packed, span
from pumpkin.model.rules.selection import Known, Selection
from pumpkin.model.rules.sighting import Sighting
from pumpkin.model.rules.signals import Key, Signal

VOICES = 1_000
ANSWERS = 20  # different ones an alert shows
GAPS = 8
RHYTHM = 3  # gaps seen before an agent's rhythm counts


class AgreementMachine(Machine[Agreement]):
    """At least k of n voices about one target say the same thing, or differ."""

    def judge(self, key: Key, state: State, seen: Sighting, at: int) -> Signal | None:
        rule = self.rule
        voice, value = getattr(seen, rule.of), seen.value(rule.value)
        if not voice or value is None:
            return None
        holding = rule.holds is not None and rule.holds.fits(seen.value(rule.holds.value))
        voices = state.setdefault("voices", {})
        voices.pop(voice, None)
        voices[voice] = [at, value, holding, *packed(seen)]
        if len(voices) > VOICES:
            del voices[next(iter(voices))]
        return self._judged(key, state, seen, at)

    def overdue(self, key: Key, state: State, at: int) -> Signal | None:
        signal = self._judged(key, state, None, at)
        if not state["on"] and not state.get("voices"):
            self.drop(key)
        return signal

    def _judged(self, key: Key, state: State, seen: Sighting | None, at: int) -> Signal | None:
        rule, since = self.rule, at - micros(self.rule.window)
        voices = {name: one for name, one in state.get("voices", {}).items() if one[0] > since}
        state["voices"] = voices
        if voices:
            self.due(key, state, min(one[0] for one in voices.values()) + micros(rule.window))
        told = self._found(voices)
        if len(voices) >= rule.n and len(told) >= rule.k:
            rests = voices if rule.want == "differ" else {name: voices[name] for name in told}
            said = Counter(str(one[1])[:100] for one in voices.values())
            value = dict(said.most_common(ANSWERS))
            return self.fired(
                key,
                state,
                seen,
                at,
                value=value,
                count=len(told),
                agents=", ".join(sorted(told))[:300],
                window=rule.window,
                links=[Link(UUID(one[3]), int(one[4])) for one in rests.values()],
            )
        return self.cleared(
            key, state, at, f"{len(told)} of {len(voices)} {rule.want}", *(() if seen is None else (seen.link,))
        )

    def _found(self, voices: Mapping[str, Any]) -> list[str]:
        """Who agrees that the condition holds; or who says other than most."""
        if self.rule.want == "agree":
            return [name for name, one in voices.items() if one[2]]
        said = Counter(plain(one[1]) for one in voices.values())
        if len(said) < 2:
            return []
        most = said.most_common(1)[0][0]
        return [name for name, one in voices.items() if plain(one[1]) != most]

    def clamp(self, state: State, now: int) -> None:
        for one in state.get("voices", {}).values():
            one[0] = min(one[0], now)


class SilenceMachine(Machine[Silence]):
    """No check for so many periods. What could not be heard (we were not running) does not count."""

    roster: Mapping[str, Known] = {}

    def judge(self, key: Key, state: State, seen: Sighting, at: int) -> Signal | None:
        last = state.get("heard")
        if last is not None and at > last:
            state["gaps"] = [*state.get("gaps", []), (at - last) / 1e6][-GAPS:]
        state["heard"], state["last"] = max(at, last or 0), packed(seen)
        self._await(key, state, at)
        return self.cleared(key, state, at, "heard again", seen.link)

    def expect(self, agent: str, known: Known, now: int) -> None:
        """An agent of the registry that this rule is about, whether it was ever heard or not."""
        if self.rule.by == ("agent",) and (agent,) not in self.states and self._wanted(agent, known):
            self.states[agent,] = {"on": False, "heard": now}
            self.dirty.add((agent,))
            self._await((agent,), self.states[agent,], now)

    def _wanted(self, agent: str, known: Known) -> bool:
        """A rule that names checks by more than who sends them cannot know what is to come of an agent."""
        one = self.rule.select
        if one.type or one.target or one.status or one.label or self.rule.where or not self.rule.spare.empty:
            return False
        return known.approved and self.selection.source("", agent, known) and (not one.site or known.site in one.site)

    def retire(self, now: int) -> list[Signal]:
        """Agents shut out are missed no longer."""
        if "agent" not in self.rule.by:
            return []
        place = self.rule.by.index("agent")
        gone: list[Signal] = []
        for key in [key for key in self.states if "@" in key[place]]:
            known = self.roster.get(key[place])
            if known is not None and not known.approved:
                signal = self.cleared(key, self.states[key], now, "the agent is no longer approved")
                gone += [signal] if signal is not None else []
                self.drop(key)
        return gone

    def overdue(self, key: Key, state: State, at: int) -> Signal | None:
        if state["on"] and not state.get("seeded"):
            return None
        due = self._await(key, state, at)
        if due is None or due > at:
            return None
        period = self._period(key, state)
        silent = (at - int(state.get("heard", at))) / 1e6
        return self.fired(
            key,
            state,
            None,
            at,
            value=round(silent, 1),
            period=span(period or 0),
            window=silent,
            links=link(state, "last"),
        )

    def _await(self, key: Key, state: State, at: int) -> int | None:
        period = self._period(key, state)
        if period is None:
            return None
        due = max(int(state.get("heard", at)), self.since) + micros(self.rule.periods * period)
        if due > at:
            self.due(key, state, due)
        return due

    def _period(self, key: Key, state: State) -> float | None:
        if self.rule.period is not None:
            return self.rule.period
        if "agent" in self.rule.by:
            known = self.roster.get(key[self.rule.by.index("agent")])
            if known is not None and known.period_s:
                return known.period_s
        gaps = state.get("gaps", [])
        return max(1.0, median(gaps)) if len(gaps) >= RHYTHM else None

    def clamp(self, state: State, now: int) -> None:
        state["heard"] = min(int(state.get("heard", now)), now)


class SequenceMachine(Machine[Sequence]):
    """Checks in an order; with the last step absent, the one that should have come and did not."""

    lasting = True

    def __init__(self, rule: Sequence) -> None:
        super().__init__(rule)
        none = Select()
        self._steps = [Selection(one.select, none, one.where) for one in rule.steps]

    @property
    def paths(self) -> frozenset[str]:
        return super().paths.union(*(one.paths for one in self._steps))

    def source(self, kind: str, agent: str, known: Known) -> bool:
        return super().source(kind, agent, known) and any(one.source(kind, agent, known) for one in self._steps)

    def judge(self, key: Key, state: State, seen: Sighting, at: int) -> Signal | None:
        signal = self._expired(key, state, at)
        step = int(state.get("step", 0))
        rule, last = self.rule, len(self._steps) - 1
        if state["on"] and rule.steps[last].absent and self._is(last, seen):
            return self.cleared(key, state, at, "it came, late", seen.link)
        if not self._is(step, seen):
            return signal
        if rule.steps[step].absent:
            state["step"], state["links"] = 0, []
            return signal
        if step == 0:
            state["begun"], state["links"] = at, []
        state["step"] = step + 1
        state["links"] = [*state.get("links", []), packed(seen)]
        if step < last:
            if step + 1 == last and rule.steps[last].absent:
                state["begun"] = at
            self.due(key, state, int(state["begun"]) + micros(rule.within))
            return signal
        return self._whole(key, state, seen, at)

    def overdue(self, key: Key, state: State, at: int) -> Signal | None:
        signal = self._expired(key, state, at)
        if not state["on"] and not state.get("step"):
            self.drop(key)
        return signal

    def _expired(self, key: Key, state: State, at: int) -> Signal | None:
        """What a run of steps that took too long comes to."""
        step = int(state.get("step", 0))
        if not step or at < int(state["begun"]) + micros(self.rule.within):
            return None
        if self.rule.steps[step].absent:
            return self._whole(key, state, None, at)
        state["step"], state["links"] = 0, []
        return None

    def _whole(self, key: Key, state: State, seen: Sighting | None, at: int) -> Signal:
        told = links(state, "links")
        state["step"], state["links"] = 0, []
        return self.fired(key, state, seen, at, window=self.rule.within, count=len(told), links=told)

    def _is(self, step: int, seen: Sighting) -> bool:
        known = self.roster.get(seen.agent, Known())
        one = self._steps[step]
        return one.source(seen.type, seen.agent, known) and one.check(seen, known)

    roster: Mapping[str, Known] = {}

    def clamp(self, state: State, now: int) -> None:
        if "begun" in state:
            state["begun"] = min(int(state["begun"]), now)
