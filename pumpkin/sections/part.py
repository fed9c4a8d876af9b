"""What every part of the settings is: a frozen model, and the longest times any may say."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

HOUR_S, DAY_S, YEAR_S = 3_600.0, 86_400.0, 31_536_000.0
CENTURIES = 365_000.0
"""Most days a rule may say: what is longer is for ever, and no time can be reckoned with it."""


class Part(BaseModel):
    """A part of the settings. Each of its numbers has a least and a most, past which nothing could be reckoned."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
