"""The log, the authorities that stamp it and the witnesses that cosign it."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import Field, field_validator

from pumpkin.addresses import GivenAddress
from pumpkin.sections.part import DAY_S, HOUR_S, YEAR_S, Part


class AuthoritySettings(Part):
    """One time-stamp authority."""

    name: str = Field(description="Short name, shown on pages and in bundles.")
    url: GivenAddress = Field(description="Where it answers RFC 3161 requests over HTTP.")
    roots: list[Path] = Field(
        default_factory=list, validate_default=True, description="PEM files of the roots trusted for it."
    )
    policy: str | None = Field(None, description="Policy OID to ask for and insist on.")
    min_interval: float = Field(0.0, ge=0, le=YEAR_S, description="Least seconds between two requests.")
    timeout: float = Field(5.0, ge=0.01, le=HOUR_S, description="Seconds one request may take in all.")
    retry_max: float = Field(
        60.0, ge=0.01, le=YEAR_S, description="Most seconds it is left alone after failures, unless it asks for more."
    )

    @field_validator("name")
    @classmethod
    def _not_ours(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,60}", value):
            raise ValueError("is not a name of 1 to 60 letters, digits, dots, underscores and hyphens")
        if value == "local":
            raise ValueError("is local, which is the name of the authority of this installation")
        return value

    @field_validator("roots")
    @classmethod
    def _some_root(cls, value: list[Path]) -> list[Path]:
        if not value:
            raise ValueError("is empty; a token is only worth what its root is")
        return value


class WitnessSettings(Part):
    """One witness that cosigns the log's checkpoints (C2SP tlog-witness)."""

    url: GivenAddress = Field(description="Its submission prefix; checkpoints are posted to URL/add-checkpoint.")
    key: str = Field(description="Its verifier key, name+hash+key.")


class LogSettings(Part):
    """The append-only log and its seals."""

    origin: str = Field("", description="The log's name in its checkpoints; empty makes one at first start.")
    batch_age: float = Field(1.0, ge=0.001, le=DAY_S, description="Most seconds a stored check waits for its seal.")
    batch_size: int = Field(1_000, ge=1, le=65_536, description="Most records of a batch that waits.")
    witnesses: list[WitnessSettings] = Field(default_factory=list, description="Who is asked to cosign checkpoints.")
    audit_every: float = Field(
        DAY_S, ge=0, le=YEAR_S, description="Seconds between two audits of the whole log; 0 for none."
    )

    @field_validator("origin")
    @classmethod
    def _key_name(cls, value: str) -> str:
        if value and not re.fullmatch(r"[^\s+\x00-\x1f\x7f]{1,255}", value):
            raise ValueError("is not a name of at most 255 letters without blanks and +, for instance example.org/log")
        return value
