"""Whether clocks agree: who of several authorities tells another time than the others, our own clock among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SLACK_US = 10_000_000
"""Two clocks may differ by this much, besides their accuracies, before one of them is called wrong."""
OWN = ""
"""The name of our own clock among the clocks."""


@dataclass(frozen=True, slots=True)
class Clock:
    """How far a clock is from ours (microseconds, positive when it is ahead), and how exact it says it is."""

    offset: int
    accuracy: int = 0


def outliers(clocks: Mapping[str, Clock], slack: int = SLACK_US) -> tuple[str, ...]:
    """The names of those that tell another time than the largest number that agree; `OWN` may be among them.

    Where two groups are equally large, ours is believed. Our own clock need not be given: it is there with offset 0.
    """
    all_clocks = {OWN: Clock(0), **clocks}
    best: set[str] = set()
    for clock in all_clocks.values():
        group = {
            name
            for name, other in all_clocks.items()
            if abs(other.offset - clock.offset) <= slack + other.accuracy + clock.accuracy
        }
        if (len(group), OWN in group) > (len(best), OWN in best):
            best = group
    return tuple(sorted(set(all_clocks) - best))
