"""What the web is handed of correlation: how it is doing, and two ways to stir it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


def _none() -> Mapping[str, Any]:
    return {"state": "absent", "last_error": None, "file": "", "there": False, "error": None, "faults": [], "rules": []}


@dataclass(frozen=True)
class Correlation:
    """`status()` gives the rule file with its faults and each rule with how it is doing; `wake()` has people's acts
    looked at now, `reload()` the rule file."""

    status: Callable[[], Mapping[str, Any]] = _none
    wake: Callable[[], None] = lambda: None
    reload: Callable[[], None] = lambda: None
