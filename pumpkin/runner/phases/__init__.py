"""What installing, importing and executing a package of an ecosystem means: one file an ecosystem."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

PHASES = ("install", "import", "execute")
LIMITS_S = {"install": 300.0, "import": 120.0, "execute": 120.0}
ECOSYSTEMS = {"pypi": "pypi", "npm": "npm", "gem": "gem", "cargo": "cargo", "composer": "composer", "maven": "maven"}
ECOSYSTEMS |= {"apk": "apk", "rubygems": "gem", "crates": "cargo", "packagist": "composer", "wolfi": "apk"}


class NotRun(Exception):
    """A phase that cannot take place, with the reason for the report."""


class Step(NamedTuple):
    """One command of a phase. `installer`: it is a package manager; `results`: it writes JSON lines to a descriptor
    whose number stands in `argv` as `{results}`."""

    argv: list[str]
    env: Mapping[str, str] = {}
    cwd: str = "/work"
    installer: bool = False
    results: bool = False


def program(path: str, chain: str) -> str:
    """`path` where the image has it. Raises NotRun, naming the setting that brings it in."""
    if not os.access(path, os.X_OK):
        raise NotRun(f"this sandbox image has no {path.rpartition('/')[2]}; add {chain!r} to sandbox.ecosystems")
    return path


class Ecosystem(Protocol):
    """The steps of a job. `steps` raises NotRun; `again` gives what is left after a step died in the middle."""

    def steps(self, phase: str) -> list[Step]:
        """The commands of `phase`, made when it begins (they may look at what install left)."""

    def again(self, phase: str, results: list[dict[str, Any]]) -> Step | None:
        """The step to go on with after an exercise process ended early, None when all is done."""


def of(job: dict[str, Any]) -> Ecosystem:
    """The ecosystem a job names. Raises NotRun for one that this image does not know."""
    name = str(job.get("ecosystem"))
    if name not in ECOSYSTEMS:
        raise NotRun(f"no ecosystem named {name[:40]!r}")
    module = importlib.import_module(f".{ECOSYSTEMS[name]}", __name__)
    found: Ecosystem = module.Steps(job)
    return found
