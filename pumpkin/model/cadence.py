"""Behaviours as checks show them, for agents that say nothing of their own (rulings.md 41): marked as inferred."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from statistics import median
from typing import Any

AGENTS_LIMIT = 10_000
TYPES_LIMIT = 50
GAPS = 8
STEADY = 0.25  # how far a gap may lie from the median, as a part of it, for a rhythm
LATE = 3.0  # periods without a check after which one is missed


@dataclass(slots=True)
class _Rhythm:
    last: int
    checks: int = 1
    gaps: deque[float] = field(default_factory=lambda: deque(maxlen=GAPS))


class Cadence:
    """Notes when checks came, by agent and type; times in microseconds. Of many agents the latest are remembered."""

    def __init__(self) -> None:
        self._agents: OrderedDict[str, dict[str, _Rhythm]] = OrderedDict()
        self._changed: set[str] = set()

    def note(self, agent: str, kind: str, at: int) -> None:
        """One new check."""
        kinds = self._agents.setdefault(agent, {})
        self._agents.move_to_end(agent)
        if len(self._agents) > AGENTS_LIMIT:
            self._changed.discard(self._agents.popitem(last=False)[0])
        known = kinds.get(kind)
        if known is not None:
            known.gaps.append(max(0.0, (at - known.last) / 1e6))
            known.last, known.checks = max(at, known.last), known.checks + 1
        elif len(kinds) < TYPES_LIMIT:
            kinds[kind] = _Rhythm(at)
        self._changed.add(agent)

    def forget(self, agent: str) -> None:
        """It reports its behaviours itself."""
        self._agents.pop(agent, None)
        self._changed.discard(agent)

    def take(self, now: int) -> dict[str, list[dict[str, Any]]]:
        """The behaviours of agents of which checks came since this was last asked."""
        changed, self._changed = self._changed, set()
        return {
            agent: [_behaviour(kind, one, now) for kind, one in self._agents[agent].items()]
            for agent in changed
            if agent in self._agents
        }


def _behaviour(kind: str, rhythm: _Rhythm, now: int) -> dict[str, Any]:
    period = _period(rhythm.gaps)
    late = period is not None and (now - rhythm.last) / 1e6 > LATE * period
    return {
        "name": kind[:100],
        "kind": "periodic" if period is not None else "cyclic" if rhythm.checks > 1 else "one-shot",
        "state": "late" if late else "idle" if rhythm.checks > 1 else "done",
        "period_s": period,
        "next_run": None if period is None or late else rhythm.last + round(period * 1e6),
        "last_run": rhythm.last,
        "inferred": True,
        "detail": {"checks": rhythm.checks},
    }


def _period(gaps: deque[float]) -> float | None:
    """The usual gap in seconds when there is a rhythm: three gaps or more, each near their median."""
    if len(gaps) < 3:
        return None
    usual = median(gaps)
    return round(usual, 3) if usual > 0 and all(abs(gap - usual) <= STEADY * usual for gap in gaps) else None
