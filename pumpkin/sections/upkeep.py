"""Room, what is let go of, and what raises alerts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from pumpkin.sections.part import CENTURIES, Part


class RetentionRule(Part):
    """How long the payloads of some checks are kept; their records and proofs stand for ever."""

    days: float = Field(ge=0.001, le=CENTURIES, description="Days a payload is kept.")
    type: str = Field("", description="Of checks of this type; empty for every type.", max_length=200)
    agent: str = Field("", description="Of checks of this agent (bare JID); empty for everybody's.")
    status: Literal["", "ok", "warning", "critical", "unknown"] = Field(
        "", description="Of checks of this status; empty for all."
    )

    @field_validator("type")
    @classmethod
    def _bare_type(cls, value: str) -> str:
        if value != value.strip() or not value.isprintable():
            raise ValueError("is no type of a check: it has blanks around it, or control characters")
        return value

    @field_validator("agent")
    @classmethod
    def _source(cls, value: str) -> str:
        jid = re.fullmatch(r"[^@/\s]+@[^@/\s]+", value) and value == value.casefold()
        if value and not jid and not re.fullmatch(r"(key|user|system):\S+", value):
            raise ValueError("is not a bare JID in small letters (probe1@example.org), nor key:PREFIX, nor user:NAME")
        return value


class UpkeepSettings(Part):
    """Room: how much there must be, and what is let go of."""

    reserve: int = Field(
        64, ge=0, le=10**9, description="MiB of free disk below which the server says that it is not ready."
    )
    warn: int = Field(1_024, ge=0, le=10**9, description="MiB of free disk below which it warns.")
    quota: float = Field(
        0.0, ge=0, le=1e9, description="GiB of payloads kept in all, the oldest let go of; 0 for no bound."
    )
    messages: float = Field(
        0.0, ge=0, le=CENTURIES, description="Days for which messages of agents are kept; 0 for ever."
    )
    retention: list[RetentionRule] = Field(default_factory=list, description="For how long payloads are kept.")


class CorrelationSettings(Part):
    """Rules over checks of many agents, and the alerts they raise."""

    rules: Path | None = Field(None, description="The rule file; `alerts.toml` in the data folder where none is given.")
    every: float = Field(0.5, ge=0.05, le=60, description="Most seconds between two looks at what came in.")
