"""An alert: what a rule found wrong, in which state it is, what was done about it, and the checks it rests on.

Times are integer microseconds since 1970-01-01 UTC, the server's clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pumpkin.model.wire import rfc3339

SEVERITIES = ("info", "warning", "critical")
STATES = ("open", "acknowledged", "resolved")
STANDING = ("open", "acknowledged")
EVENTS = ("opened", "acknowledged", "escalated", "resolved", "commented", "muted", "unmuted", "acted")
LINKS = 50
"""How many checks an alert names: the first ones it rests on, and the newest."""
FIRST_LINKS = 10

TOPICS: Mapping[str, str] = {
    "opened": "alert.raised",
    "unmuted": "alert.raised",
    "acknowledged": "alert.acknowledged",
    "escalated": "alert.escalated",
    "resolved": "alert.resolved",
    "commented": "alert.changed",
    "muted": "alert.changed",
    "acted": "alert.changed",
}
"""Which topic of the bus tells of an event. While an alert is muted all that happens to it is `alert.changed`."""


@dataclass(frozen=True, slots=True)
class Link:
    """A check an alert rests on: its id, its place in the log."""

    id: UUID
    seq: int

    def as_json(self) -> dict[str, Any]:
        return {"uuid": str(self.id), "seq": self.seq}


def joined(links: tuple[Link, ...], more: tuple[Link, ...]) -> tuple[Link, ...]:
    """`links` and `more`, each once, bounded: the first ten stay, of the others the newest."""
    every = tuple({one.seq: one for one in (*links, *more)}.values())
    if len(every) <= LINKS:
        return every
    return (*every[:FIRST_LINKS], *every[-(LINKS - FIRST_LINKS) :])


@dataclass(frozen=True, slots=True)
class Subject:
    """What an alert is about, as far as its rule's grouping says it; "" for what it does not."""

    agent: str = ""
    type: str = ""
    target: str = ""
    site: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "agent": self.agent or None,
            "type": self.type or None,
            "target": self.target or None,
            "site": self.site or None,
            "labels": dict(self.labels),
        }


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. There is at most one that stands for a rule and a group of checks (`key`); when it was resolved the
    next one is another.

    `muted` says by what it is kept silent ("silence:3", "maintenance:2", "dependency:gateway@x"; "" when it is not),
    `announced` when it was told first (None while it never was), `step` how far it was escalated, `count` how many
    checks broke the rule while it stood, `value` what the last of them held, `why` the reason it was resolved.
    """

    id: UUID
    rule: str
    kind: str
    key: str
    severity: str
    state: str
    message: str
    subject: Subject
    opened: int
    updated: int
    n: int = 0
    value: Any = None
    count: int = 1
    checks: tuple[Link, ...] = ()
    muted: str = ""
    announced: int | None = None
    step: int = 0
    to: tuple[str, ...] = ()
    acknowledged: int | None = None
    acknowledged_by: str = ""
    resolved: int | None = None
    resolved_by: str = ""
    why: str = ""

    @property
    def stands(self) -> bool:
        return self.state != "resolved"

    @property
    def address(self) -> str:
        """Its page."""
        return f"/alerts/{self.id}"

    def as_json(self) -> dict[str, Any]:
        """As the API gives it."""
        return {
            "id": str(self.id),
            "rule": self.rule,
            "kind": self.kind,
            "severity": self.severity,
            "state": self.state,
            "message": self.message,
            **self.subject.as_json(),
            "value": self.value,
            "count": self.count,
            "checks": [one.as_json() for one in self.checks],
            "opened": rfc3339(self.opened),
            "updated": rfc3339(self.updated),
            "acknowledged": _time(self.acknowledged),
            "acknowledged_by": self.acknowledged_by or None,
            "resolved": _time(self.resolved),
            "resolved_by": self.resolved_by or None,
            "why": self.why or None,
            "muted": self.muted or None,
            "escalated": self.step,
            "to": list(self.to),
            "url": self.address,
        }


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """One thing that happened to an alert: `n` counts over all alerts, `who` is `rule`, `user:NAME` or `key:PREFIX`.

    `check` and `seq` name the record of the log that says so, None until it is there.
    """

    n: int
    alert: UUID
    event: str
    at: int
    who: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    check: UUID | None = None
    seq: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "event": self.event,
            "at": rfc3339(self.at),
            "who": self.who,
            "detail": dict(self.detail),
            "check": None if self.check is None else str(self.check),
            "seq": self.seq,
        }


def topic(alert: Alert, event: str) -> str:
    """On which topic an event is told; `alert` is as it is after it."""
    return "alert.changed" if alert.muted else TOPICS[event]


def told(alert: Alert, event: AlertEvent) -> dict[str, Any]:
    """What is published: the alert as it is after the event, and the event. `event_id` is the same when an event is
    told twice (after a crash), `checks` those the alert rests on, `record` the check that says this in the log."""
    return {
        **alert.as_json(),
        "event": event.event,
        "event_id": event.n,
        "at": rfc3339(event.at),
        "by": event.who,
        "detail": dict(event.detail),
        "record": None if event.check is None else {"uuid": str(event.check), "seq": event.seq},
    }


def _time(at: int | None) -> str | None:
    return None if at is None else rfc3339(at)
