"""The alerts that stand, and what becomes of them: opened once, counted up, muted, escalated, resolved.

Pure: signals and a clock go in, changes come out; whoever keeps the book applies them (the store for what is now, a
list for a dry run).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

from pumpkin.model.alerts.alert import Alert, joined
from pumpkin.model.alerts.muting import Surroundings
from pumpkin.model.rules.document import BaseRule, Rule
from pumpkin.model.rules.levels import plain
from pumpkin.model.rules.machine import key_text, span
from pumpkin.model.rules.signals import Cleared, Fired, Signal

OPEN_LIMIT = 1_000
"""Alerts of one rule that may stand at once; what it finds beyond is counted."""
MESSAGE_LIMIT = 500
WHO = "rule"

_DEFAULTS: Mapping[str, str] = {
    "change": "{type} {target}: {value}, was {before}",
    "expected": "{type} {target}: {value}, not {expected}",
    "threshold": "{type} {target}: {value} within {window}, limit {limit}",
    "agreement": "{type} {target}: {count} agents ({agents}): {value}",
    "silence": "nothing heard of {agent} {type} {target} for {window}, period {period}",
    "flapping": "{type} {target}: {changes} changes within {window}",
    "sequence": "{target}: the sequence of {rule} within {window}",
}
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Change:
    """One step of an alert: `event` as in EVENTS, or "repeated" for one more check while it stands. `alert` is how it
    stands afterwards."""

    event: str
    alert: Alert
    at: int
    who: str = WHO
    detail: Mapping[str, Any] = field(default_factory=dict)


class Book:
    """The standing alerts by rule and group. `overflow` counts, by rule, what found no room."""

    def __init__(self, new_id: Callable[[], UUID] = uuid4) -> None:
        self._standing: dict[tuple[str, str], Alert] = {}
        self._open: Counter[str] = Counter()
        self._about: dict[str, set[tuple[UUID, str]]] = {}
        self._new_id = new_id
        self.overflow: Counter[str] = Counter()

    @property
    def standing(self) -> list[Alert]:
        return list(self._standing.values())

    def replace(self, alerts: Iterable[Alert]) -> None:
        """These are the alerts that stand: people may have acted on them."""
        self._standing, self._open, self._about = {}, Counter(), {}
        for one in alerts:
            self._keep(one)

    def take(self, signal: Signal, rule: BaseRule, around: Surroundings) -> list[Change]:
        """What a signal of a rule comes to. A new alert is told at once (`announced`), unless something mutes it."""
        key = key_text(signal.key)
        known = self._standing.get((signal.rule, key))
        if isinstance(signal, Cleared):
            return [] if known is None else [self.resolve(known, signal.at, signal.why, signal)]
        if known is not None:
            return [self._again(known, signal)]
        if self._open[signal.rule] >= OPEN_LIMIT:
            self.overflow[signal.rule] += 1
            return []
        alert = Alert(
            id=self._new_id(),
            rule=signal.rule,
            kind=str(getattr(rule, "kind", "")),
            key=key,
            severity=rule.severity,
            state="open",
            message=message(rule, signal),
            subject=signal.subject,
            opened=signal.at,
            updated=signal.at,
            value=signal.value,
            count=signal.times,
            checks=joined((), signal.links),
            to=recipients(rule),
        )
        muted = around.muted_by(alert, self._about, signal.at)
        alert = replace(alert, muted=muted, announced=None if muted else signal.at)
        self._keep(alert)
        return [Change("opened", alert, signal.at)]

    def resolve(self, alert: Alert, at: int, why: str, signal: Cleared | None = None) -> Change:
        """An alert is over."""
        done = replace(
            alert,
            state="resolved",
            resolved=at,
            resolved_by=WHO,
            why=why[:MESSAGE_LIMIT],
            updated=at,
            checks=joined(alert.checks, signal.links if signal is not None else ()),
        )
        if self._standing.pop((alert.rule, alert.key), None) is not None:
            self._open[alert.rule] -= 1
            self._about.get(alert.subject.agent, set()).discard((alert.id, alert.rule))
        return Change("resolved", done, at, detail={"why": done.why})

    def look(self, now: int, around: Surroundings, rules: Callable[[str], BaseRule | None]) -> list[Change]:
        """What the clock and the surroundings do: mute, tell, escalate."""
        changes: list[Change] = []
        for alert in self.standing:
            muted = around.muted_by(alert, self._about, now)
            if muted != alert.muted:
                alert = self._muted(alert, muted, now, changes)
            rule = rules(alert.rule)
            if rule is not None and not alert.muted and alert.announced is not None:
                self._escalate(alert, rule, now, changes)
        return changes

    def _muted(self, alert: Alert, muted: str, now: int, changes: list[Change]) -> Alert:
        """What was mute is told anew: escalation counts from then."""
        after = replace(
            alert, muted=muted, announced=alert.announced if muted else now, updated=max(alert.updated, now)
        )
        self._keep(after)
        detail = {"by": muted} if muted else {"after": alert.muted}
        changes.append(Change("muted" if muted else "unmuted", after, now, detail=detail))
        return after

    def _escalate(self, alert: Alert, rule: BaseRule, now: int, changes: list[Change]) -> None:
        while alert.step < len(rule.escalate):
            step = rule.escalate[alert.step]
            if now < (alert.announced or now) + step.after * 1e6:
                return
            if alert.state == "acknowledged" and not step.even_acknowledged:
                return
            severity = step.severity or alert.severity
            alert = replace(
                alert,
                step=alert.step + 1,
                severity=severity,
                to=tuple(dict.fromkeys((*alert.to, *step.to))),
                updated=max(alert.updated, now),
            )
            self._keep(alert)
            detail = {"step": alert.step, "severity": severity, "to": list(step.to)}
            changes.append(Change("escalated", alert, now, detail=detail))

    def _again(self, known: Alert, signal: Fired) -> Change:
        after = replace(
            known,
            count=known.count + signal.times,
            value=signal.value,
            updated=max(known.updated, signal.at),
            checks=joined(known.checks, signal.links),
        )
        self._keep(after)
        return Change("repeated", after, signal.at)

    def _keep(self, alert: Alert) -> None:
        if (alert.rule, alert.key) not in self._standing:
            self._open[alert.rule] += 1
            self._about.setdefault(alert.subject.agent, set()).add((alert.id, alert.rule))
        self._standing[alert.rule, alert.key] = alert


def condensed(changes: Iterable[Change]) -> list[Change]:
    """The same with the repetitions of one alert told once, by the last: what a batch is written by."""
    kept: list[Change] = []
    last: dict[UUID, int] = {}
    for one in changes:
        place = last.get(one.alert.id)
        if one.event == "repeated" and place is not None and kept[place].event in ("repeated", "opened"):
            kept[place] = replace(kept[place], alert=one.alert)
        else:
            last[one.alert.id] = len(kept)
            kept.append(one)
    return kept


def recipients(rule: BaseRule) -> tuple[str, ...]:
    """To whom alerts of a rule go, the modules it hands them to among them."""
    modules = (f"module:{act.module}" for act in rule.act if act.do == "module" and act.on == "opened")
    return tuple(dict.fromkeys((*rule.to, *modules)))


def message(rule: BaseRule | Rule, signal: Fired) -> str:
    """The rule's sentence about what it found; text of checks in it is bounded and stays text."""
    about, facts = signal.subject, signal.facts
    named: dict[str, Any] = {
        "rule": rule.name,
        "severity": rule.severity,
        "agent": about.agent,
        "type": about.type,
        "target": about.target,
        "site": about.site,
        "value": _value(signal.value),
        "window": span(round(facts["window"], 1)) if "window" in facts else "",
        **{name: plain(value) for name, value in facts.items() if name != "window"},
        **{f"label.{name}": value for name, value in about.labels.items()},
    }
    template = rule.message or _DEFAULTS[str(getattr(rule, "kind", "sequence"))]
    text = _PLACEHOLDER.sub(lambda found: str(named.get(found[1], ""))[:200], template)
    clean = "".join(one if one.isprintable() else "\ufffd" for one in " ".join(text.split()))
    return clean[:MESSAGE_LIMIT]


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {plain(one)}" for name, one in list(value.items())[:10])
    return plain(value)
