"""Machines that judge the checks of one group by themselves: change, expected value, threshold, flapping."""

from __future__ import annotations

from typing import Any

from pumpkin.model.rules.conditions import holds, number, same
from pumpkin.model.rules.document import Change, Expected, Flapping, Threshold
from pumpkin.model.rules.machine import LINKS, Machine, State, link, links, micros, packed, span
from pumpkin.model.rules.sighting import Sighting
from pumpkin.model.rules.signals import Key, Signal
from pumpkin.model.rules.window import Window


class ChangeMachine(Machine[Change]):
    """A value that is not what it was; over when it is again."""

    lasting = True

    def judge(self, key: Key, state: State, seen: Sighting, at: int) -> Signal | None:
        value = seen.value(self.rule.value)
        if value is None:
            return None
        known = "value" in state
        before, earlier = state.get("value"), link(state, "last")
        state["value"], state["last"] = value, packed(seen)
        if not known or same(before, value):
            return None
        if state["on"] and "base" in state and same(state["base"], value):
            return self.cleared(key, state, at, f"is {plain(value)} again", seen.link)
        if (self.rule.was and not any(same(before, one) for one in self.rule.was)) or (
            self.rule.becomes and not any(same(value, one) for one in self.rule.becomes)
        ):
            return None
        if not state["on"]:
            state["base"] = before
        return self.fired(key, state, seen, at, value=value, before=before, links=(*earlier, seen.link))


class ExpectedMachine(Machine[Expected]):
    """A value that is not what it should be, so many times in a row."""

    def judge(self, key: Key, state: State, seen: Sighting, at: int) -> Signal | None:
        rule, value = self.rule, seen.value(self.rule.value)
        if value is None and rule.missing == "ignored":
            return None
        good = value is not None and holds(rule.op, value, rule.expect)
        if good or (value is None and rule.op == "missing"):
            state["bad"], state["links"] = 0, []
            state["good"] = min(state.get("good", 0) + 1, rule.recover)
            if state["good"] >= rule.recover:
                return self.cleared(key, state, at, f"{rule.value} is {plain(value)}", seen.link)
            return None
        state["good"] = 0
        state["bad"] = min(state.get("bad", 0) + 1, rule.after)
        state["links"] = [*state.get("links", []), packed(seen)][-LINKS:]
        if state["bad"] < rule.after:
            return None
        told = links(state, "links")
        state["links"] = state["links"][-1:]
        expected = f"{'' if rule.op == '==' else rule.op + ' '}{plain(rule.expect)}"
        return self.fired(key, state, seen, at, value=value, expected=expected, status=seen.status, links=told)


class ThresholdMachine(Machine[Threshold]):
    """A figure over a window that is beyond its limit."""

    def judge(self, key: Key, state: State, seen: Sighting, at: int) -> Signal | None:
        rule = self.rule
        value = number(seen.value(rule.value)) if rule.value else 1.0
        if value is None:
            return None
        window = self._window(state)
        holding = rule.holds is not None and rule.holds.fits(seen.value(rule.holds.value))
        window.add(at, value, holding)
        state.setdefault("since", at)
        if rule.aggregate != "share" or holding:
            state["links"] = [*state.get("links", []), packed(seen)][-LINKS:]
        return self._judged(key, state, seen, at)

    def overdue(self, key: Key, state: State, at: int) -> Signal | None:
        signal = self._judged(key, state, None, at)
        if not self._window(state).entries and not state["on"] and not self._low:
            self.drop(key)
        return signal

    @property
    def _low(self) -> bool:
        """Whether too little breaks the rule: then nothing at all does, once a whole window was listened to."""
        return self.rule.aggregate in ("count", "rate", "sum") and self.rule.op in ("<", "<=", "==", "!=")

    def _judged(self, key: Key, state: State, seen: Sighting | None, at: int) -> Signal | None:
        rule, window = self.rule, self._window(state)
        window.prune(at - micros(rule.window))
        if window.oldest is not None:
            self.due(key, state, window.oldest + micros(rule.window))
        if self._low:
            whole = max(int(state.get("since", at)), self.since) + micros(rule.window)
            if at < whole:
                self.due(key, state, min(whole, state.get("due") or whole))
                return None
        figure = window.figure(rule.aggregate, rule.window)
        enough = self._low or window.count >= rule.least
        if figure is not None and enough and holds(rule.op, figure, rule.limit):
            told = links(state, "links")
            state["links"] = []
            value = round(figure, 6)
            return self.fired(
                key,
                state,
                seen,
                at,
                value=value,
                count=int(window.count),
                limit=rule.limit,
                window=rule.window,
                links=told,
            )
        shown = "nothing" if figure is None else f"{figure:g}"
        return self.cleared(key, state, at, f"{rule.aggregate} over {span(rule.window)} is {shown}", *_last(seen))

    def _window(self, state: State) -> Window:
        found = state.get("window")
        if not isinstance(found, Window):
            found = state["window"] = Window()
        return found

    def clamp(self, state: State, now: int) -> None:
        self._window(state).clamp(now)
        state["since"] = min(int(state.get("since", now)), now)

    def loaded(self, state: State) -> None:
        state["window"] = Window(state.get("window", ()))

    def stored(self, state: State) -> State:
        return {**state, "window": self._window(state).dump()}


class FlappingMachine(Machine[Flapping]):
    """A value that changes to and fro."""

    def judge(self, key: Key, state: State, seen: Sighting, at: int) -> Signal | None:
        value = seen.value(self.rule.value)
        if value is None:
            return None
        changed = "value" in state and not same(state["value"], value)
        state["value"] = value
        if changed:
            state["turns"] = [*state.get("turns", []), [at, *packed(seen)]][-max(LINKS, 2 * self.rule.changes) :]
        return self._judged(key, state, seen, at, changed)

    def overdue(self, key: Key, state: State, at: int) -> Signal | None:
        return self._judged(key, state, None, at, False)

    def _judged(self, key: Key, state: State, seen: Sighting | None, at: int, changed: bool) -> Signal | None:
        rule = self.rule
        since = at - micros(rule.window)
        turns = [one for one in state.get("turns", []) if one[0] > since]
        state["turns"] = turns
        if turns:
            self.due(key, state, turns[0][0] + micros(rule.window))
        if len(turns) >= rule.changes:
            if not changed:
                return None
            told = links({"turns": [one[1:] for one in (turns[-1:] if state["on"] else turns)]}, "turns")
            more = {"changes": len(turns), "window": rule.window}
            return self.fired(key, state, seen, at, value=state["value"], links=told, **more)
        if len(turns) <= rule.calm_at:
            return self.cleared(key, state, at, f"{len(turns)} changes in the last {span(rule.window)}", *_last(seen))
        return None

    def clamp(self, state: State, now: int) -> None:
        state["turns"] = [[min(one[0], now), *one[1:]] for one in state.get("turns", [])]


def _last(seen: Sighting | None) -> tuple[Any, ...]:
    return () if seen is None else (seen.link,)


def plain(value: Any) -> str:
    """A value in a sentence."""
    if isinstance(value, tuple | list):
        return ", ".join(plain(one) for one in value[:10])
    if value is None:
        return "absent"
    return f"{value:g}" if isinstance(value, float) else str(value)[:200]
