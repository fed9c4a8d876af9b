"""A short run of scripts/fuzz: every parser takes its good input, and refuses some bad input in the way it says."""

from __future__ import annotations

import pytest

from scripts.fuzzing import targets
from scripts.fuzzing.__main__ import fuzz

SEED = 20_261_121
MOST = 400
TARGETS = targets.make()


@pytest.mark.parametrize("name", TARGETS)
def test_a_parser_refuses_what_is_mutated_as_its_contract_says(name: str) -> None:
    tally = fuzz(TARGETS[name], seconds=5, seed=SEED, most=MOST)
    assert not tally.faults
    assert tally.tried >= 20


@pytest.mark.parametrize("name", sorted(TARGETS.keys() - {"backup", "tsp parts"}))
def test_the_seeds_are_good_input(name: str) -> None:
    for seed in TARGETS[name].seeds:
        TARGETS[name].call(seed)
