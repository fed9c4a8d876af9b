"""No look-alike leaves this repository: not in the source distribution, not in the wheel."""

from __future__ import annotations

from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("builder", [SdistBuilder, WheelBuilder])
def test_neither_distribution_carries_a_look_alike(builder: type[SdistBuilder | WheelBuilder]) -> None:
    files = [one.distribution_path for one in builder(str(ROOT)).recurse_included_files()]
    assert any(path.endswith("pumpkin/analysis/verdict.py") for path in files)
    assert [path for path in files if "lookalike" in path] == []
