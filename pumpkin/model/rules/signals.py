"""What a rule's machine says: that it fired for a group of checks, or that what it found is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pumpkin.model.alerts import Link, Subject

Key = tuple[str, ...]
"""The group of checks a state belongs to: the values of the rule's `by`."""


@dataclass(frozen=True, slots=True)
class Fired:
    """The rule is broken in this group. `fresh` is false when it was already; `facts` fill the message."""

    rule: str
    key: Key
    at: int
    subject: Subject
    value: Any = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    links: tuple[Link, ...] = ()
    fresh: bool = True


@dataclass(frozen=True, slots=True)
class Cleared:
    """The rule is broken no more in this group."""

    rule: str
    key: Key
    at: int
    why: str
    links: tuple[Link, ...] = ()


Signal = Fired | Cleared
