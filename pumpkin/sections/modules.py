"""Ad hoc modules."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator

from pumpkin.sections.part import DAY_S, HOUR_S, Part


class ModuleSettings(Part):
    """One ad hoc module: what is handed to another system, and how."""

    name: str = Field(description="Its name; what stands under it outlives restarts.")
    kind: str = Field(description="Which module it is, ours or of an installed package.")
    target: str = Field("", description="Where it delivers to.", json_schema_extra={"secret": True})
    topics: tuple[str, ...] = Field(
        ("check.stored", "report.ready", "alert.raised", "alert.resolved"), description="What it is handed, by topic."
    )
    types: tuple[str, ...] = Field(
        (), description="Only of these types (of an alert: rules); `*` and `?` are patterns."
    )
    severity: Literal["", "ok", "unknown", "warning", "critical"] = Field("", description="Only from this severity on.")
    agents: tuple[str, ...] = Field((), description="Only of these agents; patterns.")
    targets: tuple[str, ...] = Field((), description="Only of these targets; patterns.")
    tags: tuple[str, ...] = Field((), description="Only of agents with one of these tags.")
    labels: dict[str, str] = Field(default_factory=dict, description="Only with all these labels.")
    after: Literal["stored", "stamped"] = Field(
        "stored", description="Deliver when stored, or not before it is stamped."
    )
    start: Literal["now", "beginning"] = Field("now", description="Where in the log a new module begins.")
    payload: int = Field(64, ge=0, le=10_240, description="Largest payload handed on with a check, in KiB.")
    link: str = Field("", description="Address our pages are reached at, for links in what is delivered.")
    timeout: float = Field(30.0, ge=0.01, le=HOUR_S, description="Seconds one delivery may take.")
    attempts: int = Field(8, ge=1, le=100, description="Tries of an item that fails though the target answers.")
    backoff_max: float = Field(300.0, ge=0.01, le=DAY_S, description="Most seconds between two tries.")
    batch: int = Field(0, ge=0, le=10_000, description="Most items of one delivery; 0 for what the module takes.")
    enabled: bool = Field(True, description="Whether it runs.")
    options: dict[str, Any] = Field(
        default_factory=dict, description="What this kind of module wants to know.", json_schema_extra={"secret": True}
    )

    @field_validator("name")
    @classmethod
    def _plain(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,59}", value):
            raise ValueError("is not a name of 1 to 60 small letters, digits, dots, underscores and hyphens")
        return value
