"""A mark: what a person said of a finding."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """`reviewed`: a person has looked, it counts as before. `suppressed`: it no longer weighs, until the mark ends."""

    REVIEWED = "reviewed"
    SUPPRESSED = "suppressed"


@dataclass(frozen=True, slots=True)
class Mark:
    """What a person said of a finding in a package: `until` None means for ever; times are aware UTC."""

    package: str
    finding: uuid.UUID
    state: State
    reason: str
    by: str
    made: datetime
    until: datetime | None = None

    def holds(self, now: datetime) -> bool:
        return self.until is None or now < self.until
