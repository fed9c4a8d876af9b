"""A finding: one thing seen in a package that speaks for or against it, and the verdict that findings add up to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

QUOTE_LIMIT = 200
PATH_LIMIT = 300


class Level(StrEnum):
    """How grave a finding is by itself; `info` never moves a verdict, `good` lowers what is at most medium."""

    GOOD = "good"
    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return _RANKS[self]


_RANKS = {level: place for place, level in enumerate(Level)}


class Group(StrEnum):
    """The kind of evidence; within one group only the strongest finding counts, groups are taken as independent."""

    KNOWN_BAD = "known-bad"
    FLOW = "static-flow"
    TEXT = "static-text"
    DYNAMIC = "dynamic"
    PROVENANCE = "provenance"
    NAME = "name"
    METADATA = "metadata"


class Outcome(StrEnum):
    CLEAN = "clean"
    SUSPICIOUS = "suspicious"
    MALICIOUS = "malicious"
    INCOMPLETE = "incomplete"
    INSTALL_FAILED = "install_failed"
    NOT_FOUND = "not_found"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one tool saw in one place.

    `tactic` is an ATT&CK technique (`T1059.006`) or empty; `file` the member's path inside the artifact (nested ones
    joined by `!`), `line` from 1 or 0 when there is none; `quote` is untrusted text made harmless by `quoted`.
    """

    tool: str
    rule: str
    level: Level
    group: Group
    reason: str
    tactic: str = ""
    file: str = ""
    line: int = 0
    quote: str = ""
    weight: float = 0.0

    def weighing(self, weight: float) -> Finding:
        return replace(self, weight=weight)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, value: dict[str, Any]) -> Finding:
        """The finding back from `as_json`; KeyError or ValueError when it is none."""
        return cls(**{**value, "level": Level(value["level"]), "group": Group(value["group"])})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the findings add up to: an outcome, a score of 0 to 100, and the sentences that explain it."""

    outcome: Outcome
    score: int
    why: tuple[str, ...]
    groups: dict[str, float]
    not_checked: tuple[str, ...]


def quoted(text: str | bytes, limit: int = QUOTE_LIMIT) -> str:
    """Untrusted text fit for a report: one line, printable characters only, at most `limit` of them."""
    if isinstance(text, bytes):
        text = text[: limit * 4].decode("utf-8", "backslashreplace")
    shown = "".join(c if c.isprintable() else " " if c in "\t\n\r" else escaped(c) for c in text[: limit + 1].strip())
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def plain(value: Any) -> Any:
    """A JSON value with each text in it fit to be shown: what no eye sees, turns a line round or has no encoding is
    escaped; line feeds and tabs stay."""
    if isinstance(value, str):
        if value.isprintable():
            return value
        return "".join(one if one.isprintable() or one in "\n\t" else escaped(one) for one in value)
    if isinstance(value, Mapping):
        return {plain(key): plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def escaped(character: str) -> str:
    """A character as Python writes it by number: `\\x1b`, `\\u202e`."""
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
