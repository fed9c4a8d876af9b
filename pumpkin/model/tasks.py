"""A task: one package to be analysed, its states and moves, its place in the queue, and what a submission came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

STATES = ("pending", "queued", "running", "completed", "failed")
ACTIVE = frozenset({"pending", "queued", "running"})
CATEGORIES = (
    "docker_image_error",
    "timeout_error",
    "permission_error",
    "analysis_error",
    "docker_error",
    "command_not_found",
    "unknown_error",
    "result_parsing_error",
    "result_file_error",
    "queue_error",
    "cancelled",
)
TOOLS = ("dynamic", "known_bad", "lastpymile", "malcontent", "provenance", "source", "static", "typosquatting")
REQUIRED = frozenset({"static", "typosquatting"})
ATTEMPTS = 3
RESTARTS = 10  # attempts of a task whose whole server was killed
LEASE_S = 30.0
BEAT_S = 10.0


class Decision(StrEnum):
    """What a submission came to; `HANDED` is new and already running in this process."""

    LIMITED = "limited"
    FULL = "full"
    REUSED = "reused"
    REPLAYED = "replayed"
    CACHED = "cached"
    ACTIVE = "active"
    NEW = "new"
    HANDED = "handed"


@dataclass(frozen=True, slots=True)
class Submission:
    """One package somebody wants analysed.

    `purl` is canonical and has its resolved version; `tools` sorted, with commas. `limit` counts it against the owner's
    hour (None: counted already), `cap` bounds how many of the owner's tasks wait. `key` and `body` (32 bytes, what
    the parsed request comes to) are those of an idempotent request; `upload` the digest of a local archive; `realm`
    is "" for what anyone may see, else the owner.
    """

    owner: str
    asked: str
    purl: str
    ecosystem: str
    name: str
    version: str
    tools: str
    priority: int = 0
    forced: bool = False
    flagged: str = ""
    webhook: str | None = None
    upload: bytes | None = None
    realm: str = ""
    timeout_s: int = 1_800
    limit: int | None = None
    cap: int | None = None
    key: str | None = None
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """The answer to a submission: the task's own fields where there is a task; times in microseconds."""

    decision: Decision
    remaining: int | None
    freed: int | None
    clock: int | None
    place: int | None
    id: int | None
    uuid: UUID | None
    owner: str | None
    state: str | None
    purl: str | None
    ecosystem: str | None
    name: str | None
    version: str | None
    priority: int | None
    realm: str | None
    report_size: int | None
    report_made: int | None
    attempt: int | None


@dataclass(frozen=True, slots=True)
class Task:
    """A task as a row gives it, times in microseconds. `place` (from 1) while it is queued; `clock` when it was read.
    `attempt` counts up with every start and fences: what an earlier attempt says comes too late."""

    id: int
    uuid: UUID
    owner: str
    realm: str
    asked: str
    purl: str
    ecosystem: str
    name: str
    version: str
    tools: str
    state: str
    priority: int
    forced: bool
    flagged: str
    webhook: str | None
    upload: bytes | None
    created: int
    queued: int | None
    started: int | None
    ended: int | None
    timeout_s: int
    attempt: int
    node: str | None
    lease: int | None
    heartbeat: int | None
    container: str | None
    phase: str | None
    phases: Mapping[str, Any]
    cause: str | None
    outcome: str | None
    verdict: Mapping[str, Any] | None
    category: str | None
    message: str | None
    details: str | None
    report: int | None
    report_size: int | None
    report_made: int | None
    place: int | None = None
    clock: int = 0

    @property
    def active(self) -> bool:
        return self.state in ACTIVE

    @property
    def deadline(self) -> int | None:
        """When it is over its time, in microseconds."""
        return None if self.started is None else self.started + self.timeout_s * 1_000_000

    @property
    def late(self) -> bool:
        return self.state == "running" and self.deadline is not None and self.clock > self.deadline

    def seen_by(self, owner: str) -> bool:
        """Whether `owner` (or anyone, for what is public) may see it without knowing its uuid."""
        return not self.realm or self.realm == owner


@dataclass(frozen=True, slots=True)
class Ending:
    """How a task ends: wire state (rulings.md 28), outcome, error, and the report where there is one."""

    outcome: str
    verdict: Mapping[str, Any] = field(default_factory=dict)
    category: str | None = None
    message: str | None = None
    details: str | None = None
    phases: Mapping[str, Any] = field(default_factory=dict)
    report: int | None = None
    tools: str | None = None

    @property
    def state(self) -> str:
        return "completed" if self.outcome in ("clean", "suspicious", "malicious") else "failed"


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much runs at once on all living nodes, and the mean seconds an analysis takes (None before there was one)."""

    slots: int
    mean_s: float | None

    def wait_s(self, place: int) -> float | None:
        """About how long the task at this place waits for its start."""
        if not self.slots or self.mean_s is None:
            return None
        return max(0, place - 1) // self.slots * self.mean_s
