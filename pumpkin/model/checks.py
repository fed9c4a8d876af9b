"""A check: what was seen, by whom, when. What arrives is an `Observation`; what is kept is a `Check`.

Times are integer microseconds since 1970-01-01 UTC (the record's unit); text forms are made at the edges.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

STATUSES = ("ok", "warning", "critical", "unknown")
DETAIL_KEYS = ("source", "target", "site", "status", "run", "result", "labels")
UNREAD = "unread"
"""Where the detail keeps what an agent newer than this server has added to the form of a check."""
NAME_LIMIT = 200
PAYLOAD_LIMIT = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Observation:
    """What a source says it saw, parsed and bounded, not yet stored.

    `agent` is a bare JID, or "key:<prefix>" for an external system; `payload` the exact bytes that are proven
    (rulings.md 5); `detail` the optional keys of rulings.md 39 that are present, and UNREAD; `wire` what an old
    shape must give back (`{"version", "format", "meta", ...}` as it came), null for native checks; `after` the hash of
    the last checkpoint the source had seen (hex, 64 digits); `signature` and `key_id` the probe's Ed25519 (hex).
    `dated` is false when the source named no time and `observed` is ours: sent again it is still the same observation.
    """

    id: UUID
    type: str
    format: str
    agent: str
    observed: int
    payload: bytes
    media: str = "application/octet-stream"
    kind: str = "check"
    key_id: str | None = None
    signature: str | None = None
    after: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    wire: Mapping[str, Any] | None = None
    direct: bool = False
    encrypted: bool = False
    dated: bool = True


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to a stored observation: `seq` is its place in the log (from 0); `known` that it was there before."""

    id: UUID
    seq: int
    known: bool
    received: int


@dataclass(frozen=True, slots=True)
class Check:
    """A stored check, as a row gives it. `payload` and `payload_salt` are None after erasure."""

    seq: int
    id: UUID
    kind: str
    type: str
    format: str
    agent: str
    key_id: str | None
    observed: int
    received: int
    after: str | None
    signature: str | None
    detail: Mapping[str, Any]
    wire: Mapping[str, Any] | None
    payload: bytes | None
    payload_salt: bytes | None
    media: str
    size: int
    direct: bool
    encrypted: bool
    record: bytes
    leaf_hash: bytes
    group_hash: bytes

    @property
    def target(self) -> str | None:
        return self.detail.get("target")

    @property
    def status(self) -> str | None:
        return self.detail.get("status")
