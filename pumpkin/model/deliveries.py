"""What an ad hoc module is handed: one item a delivery, its severity, and the filter that chooses items.

An item is a check, a report or an alert out of the log, or an event that is in no log. Its `id` is the same at every
try, over every end of any process: a target that remembers it takes each item once.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any
from uuid import UUID, uuid5

from pumpkin.model.wire import rfc3339

SEVERITIES = ("ok", "unknown", "warning", "critical")
"""From the least to the gravest: the words of a check's status."""
LOG_TOPICS: Mapping[str, tuple[str, ...]] = {
    "check": ("check.stored",),
    "report": ("report.ready",),
    "alert": ("alert.raised", "alert.acknowledged", "alert.escalated", "alert.resolved", "alert.changed"),
}
"""What is read from the log, by the kind of its record."""
BUS_TOPICS = ("presence.changed", "log.fault", "authority.alert")
"""What is in no log and kept for the modules that want it. `authority.alert` are the alerts about authorities."""
TEST_TOPIC = "module.test"
TOPICS = (*(topic for several in LOG_TOPICS.values() for topic in several), *BUS_TOPICS)
SUBJECT_LIMIT = 300

_SPACE = UUID("a3f0f5c2-54b1-5a0e-9c7d-2d1e5b7d8f60")
_ODD = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_EVENTS = {
    "opened": "alert.raised",
    "unmuted": "alert.raised",
    "acknowledged": "alert.acknowledged",
    "escalated": "alert.escalated",
    "resolved": "alert.resolved",
}


def plain(text: object, limit: int = SUBJECT_LIMIT) -> str:
    """One line, at most `limit` characters, without controls, bidirectional overrides or invisible characters."""
    line = " ".join(_ODD.sub(" ", str(text)[: limit * 2]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to deliver. `time` in microseconds; `path` its page here; `data` as the API shows it (JSON values).

    `record` is its check's id, `event` that of what is in no log. `report` is a report's whole document and `proof`
    the record's proof, where the module wants them and they are there. `to` are whom an alert's rule names,
    `module:NAME` among them.
    """

    id: UUID
    topic: str
    time: int
    severity: str
    subject: str
    agent: str = ""
    type: str = ""
    target: str = ""
    site: str = ""
    tags: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    path: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    record: UUID | None = None
    event: UUID | None = None
    seq: int | None = None
    to: tuple[str, ...] = ()
    report: Mapping[str, Any] | None = None
    proof: Mapping[str, Any] | None = None

    def document(self, link: str = "") -> dict[str, Any]:
        """The item as JSON values; `link` is where our pages are reached ("" leaves addresses relative)."""
        return {
            "id": str(self.id),
            "topic": self.topic,
            "time": rfc3339(self.time),
            "severity": self.severity,
            "subject": self.subject,
            "agent": self.agent or None,
            "type": self.type or None,
            "target": self.target or None,
            "site": self.site or None,
            "tags": list(self.tags),
            "url": f"{link.rstrip('/')}{self.path}" if self.path else None,
            "data": dict(self.data),
        }


@dataclass(frozen=True, slots=True)
class Filter:
    """Which items a module wants. Empty parts want all; `types`, `agents` and `targets` may hold `*` and `?`.

    `severity` is the least one; `tags` are of the agent, one of them is enough; every one of `labels` must agree.
    """

    topics: tuple[str, ...] = ("check.stored", "report.ready", "alert.raised", "alert.resolved")
    types: tuple[str, ...] = ()
    severity: str = ""
    agents: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    def takes(self, item: Item) -> bool:
        """Whether the item is wanted."""
        if item.topic not in self.topics:
            return False
        if self.severity and rank(item.severity) < rank(self.severity) and item.topic != "alert.resolved":
            return False
        return (
            _one(self.types, item.type)
            and _one(self.agents, item.agent)
            and _one(self.targets, item.target)
            and (not self.tags or bool(set(self.tags) & set(item.tags)))
            and all(item.labels.get(name) == value for name, value in self.labels.items())
        )

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of records to read from the log."""
        return tuple(kind for kind, topics in LOG_TOPICS.items() if set(topics) & set(self.topics))

    @property
    def exact_types(self) -> tuple[str, ...] | None:
        """The types, where none has a pattern: then the database can choose."""
        if not self.types or any(set("*?[") & set(one) for one in self.types):
            return None
        return self.types

    @property
    def events(self) -> tuple[str, ...]:
        """The topics that are read beside the log."""
        return tuple(topic for topic in BUS_TOPICS if topic in self.topics)

    def as_json(self) -> dict[str, Any]:
        return {
            "topics": list(self.topics),
            "types": list(self.types),
            "severity": self.severity or None,
            "agents": list(self.agents),
            "targets": list(self.targets),
            "tags": list(self.tags),
            "labels": dict(self.labels),
        }


def rank(severity: str) -> int:
    """How grave; words of others count as unknown."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else 1


def _one(patterns: tuple[str, ...], value: str) -> bool:
    return not patterns or any(fnmatchcase(value, pattern) for pattern in patterns)


def delivery_id(module: str, record: UUID, topic: str) -> UUID:
    """The id of a delivery: of this record to this module, whenever and however often it is tried."""
    return uuid5(_SPACE, f"{module}\n{topic}\n{record}")


def of_record(module: str, row: Mapping[str, Any], payload: bytes | None, payload_limit: int) -> Item:
    """The item of a row of the log (`store.deliveries.log`). `payload` is None where it was erased or not read."""
    said = _object(payload) if row["kind"] != "check" else {}
    detail = row["detail"]
    labels = detail.get("labels")
    topic = _topic(row["kind"], said)
    severity = str(row["status"] or "unknown")
    if row["kind"] == "alert":
        severity = {"info": "ok"}.get(str(said.get("severity")), str(said.get("severity") or severity))
    shown = {
        "id": str(row["id"]),
        "seq": row["seq"],
        "kind": row["kind"],
        "type": row["type"],
        "format": row["format"],
        "agent": row["agent"],
        "target": row["target"],
        "status": row["status"],
        "observed": rfc3339(row["observed"]),
        "received": rfc3339(row["received"]),
        "encrypted": row["encrypted"],
        **{name: detail[name] for name in ("source", "site", "labels", "run", "result") if name in detail},
        "payload": _payload(row, payload, payload_limit),
    }
    if said:
        shown[row["kind"]] = said
    return Item(
        id=delivery_id(module, row["id"], topic),
        topic=topic,
        time=row["observed"],
        severity=severity if severity in SEVERITIES else "unknown",
        subject=_subject(row, said, topic, severity),
        agent=_text(said.get("agent")) if row["kind"] == "alert" else row["agent"],
        type=_text(said.get("rule")) if row["kind"] == "alert" else row["type"],
        target=_text(said.get("target")) if row["kind"] == "alert" else row["target"] or "",
        site=detail.get("site") or row["site"],
        tags=tuple(row["tags"]),
        labels={str(k): str(v) for k, v in labels.items()} if isinstance(labels, Mapping) else {},
        path=f"/alerts/{said['id']}" if row["kind"] == "alert" and _is_id(said.get("id")) else f"/checks/{row['id']}",
        data=shown,
        record=row["id"],
        seq=row["seq"],
        to=tuple(map(str, said.get("to") or ())) if isinstance(said.get("to"), list) else (),
    )


def of_event(module: str, event: UUID, topic: str, at: int, data: Mapping[str, Any]) -> Item:
    """The item of an event that is in no log."""
    jid = _text(data.get("jid"))
    if topic == "presence.changed":
        show = _text(data.get("show"))
        severity = "warning" if show == "unavailable" else "ok"
        words, path = f"{jid} is {show}", f"/agents/{jid}"
    elif topic == "log.fault":
        severity, path = "critical", "/proofs"
        words = f"the log is not as it was: {data.get('kind')} at {data.get('position')}"
    else:
        severity = _text(data.get("severity")) or "warning"
        state = "over" if data.get("resolved") else "raised"
        words, path = f"alert {state}: {data.get('rule')} of authority {data.get('authority')}", "/proofs"
    return Item(
        id=delivery_id(module, event, topic),
        topic=topic,
        time=at,
        severity=severity if severity in SEVERITIES else "unknown",
        subject=plain(words),
        agent=jid,
        type=_text(data.get("rule") or data.get("kind")),
        target=_text(data.get("authority")),
        path=path,
        data=dict(data),
        event=event,
    )


def trial(module: str, event: UUID, at: int) -> Item:
    """What `pumpkin modules test` sends."""
    return Item(
        id=delivery_id(module, event, TEST_TOPIC),
        topic=TEST_TOPIC,
        time=at,
        severity="ok",
        subject=f"a test of the module {module}",
        data={"module": module},
    )


def _topic(kind: str, said: Mapping[str, Any]) -> str:
    if kind == "alert":
        return "alert.changed" if said.get("muted") else _EVENTS.get(_text(said.get("event")), "alert.changed")
    return LOG_TOPICS.get(kind, ("check.stored",))[0]


def _subject(row: Mapping[str, Any], said: Mapping[str, Any], topic: str, severity: str) -> str:
    if row["kind"] == "alert":
        return plain(
            f"{topic.partition('.')[2]}: {said.get('message') or said.get('rule') or row['type']} ({severity})"
        )
    if row["kind"] == "report":
        return plain(f"{said.get('outcome')}: {said.get('purl') or row['target']} (score {said.get('score')} of 100)")
    about = f" {row['target']}" if row["target"] else ""
    return plain(f"{row['status'] or 'no status'}: {row['type']}{about} by {row['agent']}")


def _payload(row: Mapping[str, Any], payload: bytes | None, limit: int) -> dict[str, Any]:
    shown: dict[str, Any] = {"media": row["media"], "size": row["size"]}
    if payload is None:
        shown["left_out"] = "too large" if row["size"] > limit else "erased"
        return shown
    try:
        shown["text"] = payload.decode()
    except UnicodeDecodeError:
        shown["base64"] = base64.b64encode(payload).decode()
    return shown


def _object(payload: bytes | None) -> dict[str, Any]:
    try:
        value = json.loads(payload or b"{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and _UUID.match(value) is not None


def _text(value: Any) -> str:
    return plain(value, 1_000) if value is not None else ""
