"""Whose clock is wrong: the largest group that agrees is right, ours counts as one."""

from __future__ import annotations

import pytest

from pumpkin.evidence.agreement import OWN, Clock, outliers

MINUTE = Clock(60_000_000, 1_000_000)
RIGHT = Clock(200_000, 1_000_000)
BEHIND = Clock(-60_000_000, 1_000_000)


@pytest.mark.parametrize(
    ("clocks", "wrong"),
    [
        ({}, ()),
        ({"one": RIGHT}, ()),
        ({"one": MINUTE}, ("one",)),  # one against one: ours is believed
        ({"one": RIGHT, "two": MINUTE}, ("two",)),
        ({"one": RIGHT, "two": MINUTE, "three": BEHIND}, ("three", "two")),
        ({"one": MINUTE, "two": MINUTE}, (OWN,)),
        ({"one": MINUTE, "two": MINUTE, "three": RIGHT}, ("one", "two")),  # two against two
        ({"one": MINUTE, "two": MINUTE, "three": MINUTE, "four": RIGHT}, (OWN, "four")),
        ({"one": Clock(10_900_000, 1_000_000)}, ()),
        ({"one": Clock(11_100_000, 1_000_000)}, ("one",)),
    ],
)
def test_the_largest_group_that_agrees_is_right(clocks: dict[str, Clock], wrong: tuple[str, ...]) -> None:
    assert outliers(clocks) == wrong
