"""Room, what is let go of, and what raises alerts."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from pumpkin.sections.part import CENTURIES, Part


class RetentionRule(Part):
    """How long the payloads of some checks are kept; their records and proofs stand for ever."""

    days: float = Field(gt=0, le=CENTURIES, description="Days a payload is kept.")
    type: str = Field("", description="Of checks of this type; empty for every type.")
    agent: str = Field("", description="Of checks of this agent (bare JID); empty for everybody's.")
    status: str = Field("", description="Of checks of this status; empty for all.")


class UpkeepSettings(Part):
    """Room: how much there must be, and what is let go of."""

    reserve: int = Field(64, ge=0, description="MiB of free disk below which the server says that it is not ready.")
    warn: int = Field(1_024, ge=0, description="MiB of free disk below which it warns.")
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
