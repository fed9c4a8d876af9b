"""Which checks a rule looks at: type and agent are judged once for each pair of them, the rest for each check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from pumpkin.model.rules.conditions import Condition
from pumpkin.model.rules.document import Select
from pumpkin.model.rules.sighting import Sighting


@dataclass(frozen=True, slots=True)
class Known:
    """What the registry knows of an agent: its tags and duties, its site, the shortest period of what it runs."""

    tags: frozenset[str] = frozenset()
    duties: frozenset[str] = frozenset()
    site: str = ""
    period_s: float | None = None
    approved: bool = True


STRANGER = Known(approved=False)


def fits(patterns: Sequence[str], value: str) -> bool:
    """Whether a value fits one of the patterns; no patterns fit everything."""
    return not patterns or any(one == value or _wild(one, value) for one in patterns)


def any_fits(patterns: Sequence[str], values: frozenset[str]) -> bool:
    return not patterns or any(fits(patterns, value) for value in values)


def _wild(pattern: str, value: str) -> bool:
    return ("*" in pattern or "?" in pattern) and fnmatchcase(value[:1_000], pattern)


class Selection:
    """`select` without `spare`, with `where`. `source(...)` is judged once for each type and agent, `check(...)` for
    each check that passed it."""

    def __init__(self, select: Select, spare: Select, where: Sequence[Condition]) -> None:
        self._select, self._spare, self._where = select, spare, tuple(where)
        self._plain = not (select.target or select.status or select.site or select.label or where) and spare.empty
        self.paths = frozenset(
            [
                *(f"labels.{name}" for part in (select, spare) for name in part.label),
                *(one.value for one in where),
            ]
        )

    def source(self, kind: str, agent: str, known: Known) -> bool:
        """Whether checks of this type and agent may fit."""
        one = self._select
        return (
            fits(one.type, kind)
            and fits(one.agent, agent)
            and any_fits(one.tag, known.tags)
            and any_fits(one.duty, known.duties)
        )

    def check(self, seen: Sighting, known: Known) -> bool:
        """Whether a check fits whose source does."""
        if self._plain:
            return True
        spare = self._spare
        return (
            _fits_check(self._select, seen)
            and all(one.fits(seen.value(one.value)) for one in self._where)
            and (spare.empty or not _fits_whole(spare, seen, known))
        )


def _fits_check(select: Select, seen: Sighting) -> bool:
    return (
        fits(select.target, seen.target)
        and (not select.status or seen.status in select.status)
        and fits(select.site, seen.site)
        and _labelled(select.label, seen)
    )


def _labelled(wanted: Mapping[str, Sequence[str]], seen: Sighting) -> bool:
    for name, patterns in wanted.items():
        value: Any = seen.values.get(f"labels.{name}")
        if value is None or not fits(patterns, str(value)):
            return False
    return True


def _fits_whole(select: Select, seen: Sighting, known: Known) -> bool:
    return (
        fits(select.type, seen.type)
        and fits(select.agent, seen.agent)
        and any_fits(select.tag, known.tags)
        and any_fits(select.duty, known.duties)
        and _fits_check(select, seen)
    )
