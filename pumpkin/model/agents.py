"""Agents: who they are, how they announce themselves, what they do, and what they say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SHOWS = ("available", "chat", "away", "dnd", "xa", "unavailable")
BEHAVIOUR_KINDS = ("one-shot", "periodic", "cyclic", "schedule", "fsm")
AGENT_STATES = ("pending", "approved", "revoked")

_BARE = re.compile(r"[^\x00-\x20\"&'/:<>@\x7f]{1,255}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?\Z")


OWN = frozenset({"aggregator", "aggregation-engine", "correlation-engine"})
"""Pumpkin's own names: they live in the process, nobody may log in to them or shut them out."""


def is_own(jid: str, domain: str) -> bool:
    """Whether a bare JID is one of Pumpkin's own on `domain`."""
    user, _, host = jid.partition("@")
    return host == domain and user in OWN


def bare(jid: str) -> str:
    """The bare JID, case-folded: `Probe@Example/x` gives `probe@example`. ValueError for anything else."""
    plain = jid.partition("/")[0].strip().casefold()
    if not _BARE.match(plain):
        raise ValueError(f"not a JID: {jid[:80]!r}")
    return plain


@dataclass(frozen=True, slots=True)
class Presence:
    """One agent's presence now: the best of its resources. `since` in microseconds."""

    show: str
    status: str = ""
    since: int = 0
    resources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A behaviour as reported (or `inferred` from messages). Times in microseconds."""

    name: str
    kind: str
    state: str = "idle"
    period_s: float | None = None
    next_run: int | None = None
    last_run: int | None = None
    last_error: str | None = None
    restarts: int = 0
    inferred: bool = False
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent as the registry keeps it; `unread` names the keys in its checks that this server does not read."""

    jid: str
    state: str
    duties: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    site: str = ""
    version: str = ""
    first_seen: int = 0
    last_seen: int = 0
    last_check: int | None = None
    behaviours: tuple[Behaviour, ...] = ()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it came: `metadata` is SPADE's, `stanza` the raw XML (bounded)."""

    id: str
    sender: str
    to: str
    body: str
    thread: str | None
    metadata: Mapping[str, str]
    received: int
    stanza: str = ""
    check: str | None = None


@dataclass(frozen=True, slots=True)
class Board:
    """Everybody's presence at one moment; the gateway replaces it whole, readers never lock."""

    agents: Mapping[str, Presence] = field(default_factory=dict)
