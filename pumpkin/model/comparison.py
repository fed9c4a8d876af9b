"""Two texts side by side: which lines went, which came, the unchanged ones between folded."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal

LINES = 1_500
LINE = 2_000
CONTEXT = 3


@dataclass(frozen=True, slots=True)
class Line:
    """One line: `kind` is same, gone or new; or skipped, and then `text` says how many."""

    kind: Literal["same", "gone", "new", "skipped"]
    text: str


def compare(old: str, new: str) -> list[Line]:
    """The lines of both, in order; at most LINES of each are looked at. Takes up to some hundred milliseconds."""
    first, second = _lines(old), _lines(new)
    shown: list[Line] = []
    matcher = difflib.SequenceMatcher(None, first, second, autojunk=True)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            shown += _folded(first[a:b], head=bool(shown), tail=d < len(second) or b < len(first))
        else:
            shown += [Line("gone", text) for text in first[a:b]] + [Line("new", text) for text in second[c:d]]
    return shown


def _lines(text: str) -> list[str]:
    return [line[:LINE] for line in text.splitlines()[:LINES]]


def _folded(lines: list[str], *, head: bool, tail: bool) -> list[Line]:
    start, end = CONTEXT if head else 0, CONTEXT if tail else 0
    if len(lines) <= start + end + 1:
        return [Line("same", text) for text in lines]
    left = lines[len(lines) - end :] if end else []
    middle = [Line("skipped", f"{len(lines) - start - end:,} lines as before")]
    return [Line("same", text) for text in lines[:start]] + middle + [Line("same", text) for text in left]
