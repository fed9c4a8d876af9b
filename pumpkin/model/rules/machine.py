"""What the seven machines share: a state a group, when to look at it again, and how it is kept and taken up again."""

from __future__ import annotations

import heapq
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from pumpkin.model.alerts import Link, Subject
from pumpkin.model.rules.document import BaseRule
from pumpkin.model.rules.selection import Known, Selection
from pumpkin.model.rules.sighting import Sighting
from pumpkin.model.rules.signals import Cleared, Fired, Key, Signal

R = TypeVar("R", bound=BaseRule)
State = dict[str, Any]
"""A group's state, JSON values: `on` says whether the rule is broken in it, `due` when to look at it unasked."""

GROUPS = 10_000
"""Groups a rule keeps a state of; past that those heard of first are forgotten, unless the rule is broken in them."""
LINKS = 10
NEVER = 2**63


def key_text(key: Key) -> str:
    """A group's key as it is stored."""
    return json.dumps(list(key), ensure_ascii=False, separators=(",", ":"))


def key_of(text: str) -> Key:
    return tuple(str(one) for one in json.loads(text))


def micros(seconds: float) -> int:
    return round(seconds * 1e6)


class Machine(ABC, Generic[R]):
    """The states of one rule. `paths` are the values it asks of a check. Times are microseconds of `now`'s clock."""

    lasting: ClassVar[bool] = False
    """Whether a firing tells of a moment, so that it is over after `keep`."""

    def __init__(self, rule: R) -> None:
        self.rule = rule
        self.digest = rule.digest
        self.selection = Selection(rule.select, rule.spare, rule.where)
        self.states: dict[Key, State] = {}
        self.dirty: set[Key] = set()
        self.forgotten = 0
        self._told = rule.told
        self.since = 0  # nothing could be heard before
        self.now = 0
        self.soonest = [NEVER]  # when any machine of the engine wants to be looked at; shared by them
        self._heap: list[tuple[int, Key]] = []
        self._armed: dict[Key, int] = {}

    # -- what a kind writes

    @property
    def paths(self) -> frozenset[str]:
        """The values of a check this rule looks at."""
        labels = {one for one in self.rule.by if one.startswith("label.")}
        more = {f"labels.{one.partition('.')[2]}" for one in labels} | {f"labels.{one}" for one in self._told}
        value = getattr(self.rule, "value", None)
        holds = getattr(self.rule, "holds", None)
        return self.selection.paths | more | ({value} if value else set()) | ({holds.value} if holds else set())

    @abstractmethod
    def judge(self, key: Key, state: State, seen: Sighting, at: int) -> Signal | None:
        """One more check of a group; `state` is kept."""

    def overdue(self, key: Key, state: State, at: int) -> Signal | None:
        """The time this machine wanted to look at the group again has come."""
        return None

    def clamp(self, state: State, now: int) -> None:
        """The clock went back: nothing in `state` is later than `now`."""

    def loaded(self, state: State) -> None:
        """A state was taken up from its stored form."""

    def stored(self, state: State) -> State:
        """The state as JSON."""
        return state

    # -- what the engine calls

    def source(self, kind: str, agent: str, known: Known) -> bool:
        return self.selection.source(kind, agent, known)

    def fits(self, seen: Sighting, known: Known) -> bool:
        return self.selection.check(seen, known)

    def observe(self, key: Key, seen: Sighting, at: int) -> Signal | None:
        """One check that fits, of the group `key`."""
        if at > self.now:
            self.now = at
        state = self.states.get(key)
        if state is None:
            state = self._new(key)
        signal = self.judge(key, state, seen, at)
        return self._settled(key, state, signal, at)

    def advance(self, now: int) -> Iterable[Signal]:
        """What time alone does, up to `now`."""
        while self._heap and self._heap[0][0] <= now:
            at, key = heapq.heappop(self._heap)
            if self._armed.get(key) != at:
                continue
            del self._armed[key]
            state = self.states.get(key)
            if state is None:
                continue
            self.now = max(self.now, at)
            signal = self._lapsed(key, state, at) or self.overdue(key, state, at)
            settled = self._settled(key, state, signal, at)
            if settled is not None:
                yield settled
        self.now = max(self.now, now)

    @property
    def next_look(self) -> int:
        """When `advance` has something to do."""
        return self._heap[0][0] if self._heap else NEVER

    def seed(self, key: Key, at: int) -> None:
        """An alert of this group stands: the rule is broken in it until it is seen not to be."""
        state = self.states.get(key)
        if state is None:
            state = self._new(key)
        if not state["on"]:
            state["on"], state["seeded"] = True, True
            if self.lasting:
                state["fired"] = at
            self.dirty.add(key)
            self.due(key, state, at)

    def drop(self, key: Key) -> None:
        """Forget a group."""
        if self.states.pop(key, None) is not None:
            self.dirty.add(key)
            self._armed.pop(key, None)

    def load(self, text: str, state: Mapping[str, Any]) -> None:
        """Take up a state that was stored."""
        key, taken = key_of(text), dict(state)
        self.loaded(taken)
        self.states[key] = taken
        if (due := taken.get("due")) is not None:
            self._arm(key, due)

    def take_dirty(self) -> list[tuple[str, State | None]]:
        """The groups whose state changed since this was last asked, None for what was forgotten."""
        changed = [(key_text(key), self.stored(self.states[key]) if key in self.states else None) for key in self.dirty]
        self.dirty.clear()
        return changed

    def went_back(self, now: int) -> None:
        """The clock went back to `now`."""
        self.now = now
        self._heap.clear()
        self._armed.clear()
        for key, state in self.states.items():
            self.clamp(state, now)
            self.dirty.add(key)
            if "fired" in state:
                state["fired"] = min(state["fired"], now)
            if state.get("due") is not None:
                self.due(key, state, now)

    # -- what a kind uses

    def due(self, key: Key, state: State, at: int) -> None:
        """Look at this group again at `at`, or sooner where that was wanted already: looking too soon is harmless."""
        before = state.get("due")
        if before is not None and self.now < before <= at and key in self._armed:
            return
        state["due"] = at
        armed = self._armed.get(key)
        if armed is None or at < armed:
            self._arm(key, at)

    def fired(self, key: Key, state: State, seen: Sighting | None, at: int, **more: Any) -> Fired:
        """The rule is broken. `more`: `value`, `links`, and whatever the message may name."""
        fresh = not state["on"] or bool(state.pop("seeded", False))
        state["on"], state["fired"] = True, at
        value, links = more.pop("value", None), more.pop("links", ())
        subject = self.subject(key, seen)
        if seen is not None:
            more |= {f"label.{name}": seen.values.get(f"labels.{name}") or "" for name in self._told}
        return Fired(self.rule.name, key, at, subject, value, more, tuple(links), fresh)

    def cleared(self, key: Key, state: State, at: int, why: str, *links: Link) -> Cleared | None:
        """The rule is broken no more, if it was."""
        if not state["on"]:
            return None
        state["on"] = False
        state.pop("seeded", None)
        return Cleared(self.rule.name, key, at, why, links)

    def subject(self, key: Key, seen: Sighting | None) -> Subject:
        """What the group is about: its key, and of the check what the key does not say but cannot differ."""
        named = dict(zip(self.rule.by, key, strict=True))
        labels = {one.partition(".")[2]: value for one, value in named.items() if one.startswith("label.")}
        told = {one: named.get(one, "") for one in ("agent", "type", "target", "site")}
        if seen is not None and "agent" in named and not told["site"]:
            told["site"] = seen.site
        return Subject(**told, labels=labels)

    # -- inside

    def _new(self, key: Key) -> State:
        if len(self.states) >= GROUPS:
            self._forget()
        state: State = {"on": False}
        self.states[key] = state
        return state

    def _forget(self) -> None:
        for number, (key, state) in enumerate(self.states.items()):
            if not state["on"]:
                self.drop(key)
                self.forgotten += 1
                return
            if number > 1_000:
                return

    def _settled(self, key: Key, state: State, signal: Signal | None, at: int) -> Signal | None:
        self.dirty.add(key)
        if isinstance(signal, Fired) and self.lasting and self.rule.keep is not None:
            self.due(key, state, at + micros(self.rule.keep))
        return signal

    def _lapsed(self, key: Key, state: State, at: int) -> Signal | None:
        keep = self.rule.keep
        if not (self.lasting and state["on"] and keep is not None):
            return None
        fired = state.get("fired")
        if fired is None or at >= fired + micros(keep):
            return self.cleared(key, state, at, f"nothing more in {span(keep)}")
        self.due(key, state, fired + micros(keep))
        return None

    def _arm(self, key: Key, at: int) -> None:
        self._armed[key] = at
        if at < self.soonest[0]:
            self.soonest[0] = at
        heapq.heappush(self._heap, (at, key))


def key_for(by: tuple[str, ...], seen: Sighting) -> Key:
    """The group a check belongs to."""
    return tuple([_group(one, seen) for one in by])


def _group(name: str, seen: Sighting) -> str:
    if name.startswith("label."):
        found = seen.values.get(f"labels.{name.partition('.')[2]}")
        return "" if found is None else str(found)[:500]
    return str(getattr(seen, name))[:500]


def link(state: State, name: str) -> tuple[Link, ...]:
    """A link kept in a state as [uuid, place]."""
    kept = state.get(name)
    return () if kept is None else (Link(UUID(kept[0]), int(kept[1])),)


def links(state: State, name: str) -> tuple[Link, ...]:
    return tuple(Link(UUID(one[0]), int(one[1])) for one in state.get(name, ()))


def packed(seen: Sighting) -> list[Any]:
    """A link as a state keeps it."""
    return [str(seen.id), seen.seq]


def span(seconds: float) -> str:
    """A duration as people write it."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"
