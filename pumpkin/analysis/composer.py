"""Commands that composer runs on installation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from pumpkin.analysis.languages import Language
from pumpkin.analysis.places import attack
from pumpkin.model.findings import Finding, Group, Level, quoted

TOOL = "static"
_COMPOSER = (
    "install",
    "update",
    "autoload",
    "create",
    "package",
    "root",
    "status",
    "dependencies",
    "pool",
    "command",
    "init",
)


def examine(path: str, data: bytes, php: Language) -> Iterator[Finding]:
    """Commands that composer runs on installation; `@php -r` carries code on its command line."""
    try:
        paper = json.loads(data[:2_000_000])
    except (ValueError, RecursionError):
        return
    scripts = paper.get("scripts") if isinstance(paper, dict) else None
    for event, listed in scripts.items() if isinstance(scripts, dict) else ():
        if not any(word in event for word in _COMPOSER):
            continue
        for command in listed if isinstance(listed, list) else [listed]:
            yield from _command(path, event, str(command), php)


def _command(path: str, event: str, command: str, php: Language) -> Iterator[Finding]:
    known = attack(command)
    if known is not None:
        yield Finding(TOOL, f"hook-{known.rule}", known.level, Group.FLOW, f"{event}: a command {known.reason}",
                      known.tactic, path, 0, quoted(command))  # fmt: skip
    inline = re.search(r"php\s+-r\b", command) is not None
    if inline and php.execute.search(command):
        level = Level.CRITICAL if php.decode.search(command) or php.network.search(command) else Level.HIGH
        yield Finding(TOOL, "hook-inline-code", level, Group.FLOW, f"{event}: runs code kept on its command line",
                      "T1059", path, 0, quoted(command))  # fmt: skip
