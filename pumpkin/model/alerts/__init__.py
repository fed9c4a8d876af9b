"""Alerts: what rules found wrong, and what became of it. `pumpkin.model.alerts.book` keeps those that stand."""

from pumpkin.model.alerts.alert import (
    EVENTS,
    SEVERITIES,
    STANDING,
    STATES,
    TOPICS,
    Alert,
    AlertEvent,
    Link,
    Subject,
    joined,
    told,
    topic,
)

__all__ = [
    "EVENTS",
    "SEVERITIES",
    "STANDING",
    "STATES",
    "TOPICS",
    "Alert",
    "AlertEvent",
    "Link",
    "Subject",
    "joined",
    "told",
    "topic",
]
