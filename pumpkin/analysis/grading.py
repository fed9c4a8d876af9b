"""How grave an event is by when its code runs, and the finding it becomes: what all judges share."""

from __future__ import annotations

import re

from pumpkin.analysis.flow import Event, Reach, Tag
from pumpkin.analysis.places import LOCAL_ADDRESS, RAW_ADDRESS
from pumpkin.model.findings import Finding, Group, Level, quoted

TOOL = "static"
EAGER = Reach.IMPORT
HIDING = frozenset({Tag.DECODE, Tag.CHARS})
_ORDER = list(Level)
_FIXED_HOST = re.compile(
    r"(?:https?|wss?)://[\w.-]+\.\w{2,}|\b[\w-]+\.(?:com|net|org|io|dev|app|xyz|example|invalid|ru|cn|top|site|online|info|co|me|cc)\b"
)

Rule = tuple[str, Level, str, str]
"""Name, level, ATT&CK technique, reason."""


def lowered(level: Level, steps: int) -> Level:
    """`level` less `steps`, never below info."""
    return _ORDER[max(_ORDER.index(level) - steps, _ORDER.index(Level.INFO))]


def by_reach(event: Event, eager: Level, steps: int = 1) -> Level:
    """`eager` for what runs unasked, `steps` less for what waits to be called."""
    return eager if event.reach >= EAGER else lowered(eager, steps)


def finding(event: Event, rule: Rule) -> Finding:
    """The event as a finding; in tests and examples it weighs two levels less."""
    name, level, tactic, reason = rule
    if event.reach is Reach.ASIDE:
        level = lowered(level, 2)
    quote = quoted(f"{event.name}({event.text})" if event.text else event.name)
    return Finding(
        TOOL, name, level, Group.FLOW, f"{reason}, {event.reach.words}", tactic, event.file, event.line, quote
    )


def raw(text: str) -> bool:
    """Is it the number of a machine that is not a local one?"""
    return RAW_ADDRESS.search(text.strip()) is not None and LOCAL_ADDRESS.search(text) is None


def fixed(text: str) -> bool:
    """Does the text name a host, and not a local one?"""
    return _FIXED_HOST.search(text) is not None and LOCAL_ADDRESS.search(text) is None
