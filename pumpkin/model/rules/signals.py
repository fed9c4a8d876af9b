"""What a rule's machine says: that it fired for a group of checks, or that what it found is over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pumpkin.model.alerts import Link, Subject, joined

Key = tuple[str, ...]
"""The group of checks a state belongs to: the values of the rule's `by`."""


@dataclass(frozen=True, slots=True)
class Fired:
    """The rule is broken in this group, by `times` checks. `fresh` is false when it was already; `facts` fill the
    message."""

    rule: str
    key: Key
    at: int
    subject: Subject
    value: Any = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    links: tuple[Link, ...] = ()
    fresh: bool = True
    times: int = 1


@dataclass(frozen=True, slots=True)
class Cleared:
    """The rule is broken no more in this group."""

    rule: str
    key: Key
    at: int
    why: str
    links: tuple[Link, ...] = ()


Signal = Fired | Cleared


def merged(said: Iterable[Signal]) -> list[Signal]:
    """The same with what one group says again and again said once, of a flood that takes one step instead of many."""
    kept: list[Signal] = []
    last: dict[tuple[str, Key], int] = {}
    more: dict[int, list[Fired]] = {}
    for one in said:
        group = (one.rule, one.key)
        place = last.get(group)
        if isinstance(one, Fired) and place is not None and isinstance(kept[place], Fired):
            more.setdefault(place, []).append(one)
        else:
            last[group] = len(kept)
            kept.append(one)
    for place, others in more.items():
        first = kept[place]
        if isinstance(first, Fired):
            links = joined(first.links, tuple(link for other in others for link in other.links))
            times = first.times + sum(other.times for other in others)
            kept[place] = replace(first, value=others[-1].value, links=links, times=times)
    return kept
