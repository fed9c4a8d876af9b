"""Observations with their records, as the aggregator hands them to the store."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from pumpkin.evidence import record
from pumpkin.evidence.record import Sealed
from pumpkin.model.checks import Observation

Row = tuple[Observation, int, Sealed]
Make = Callable[..., Row]


@pytest.fixture
def row() -> Make:
    """Makes a row of store_batch; any field of the observation may be given."""

    def make(check_id: UUID | None = None, **fields: Any) -> Row:
        now = time.time_ns() // 1_000
        values: dict[str, Any] = {
            "type": "http",
            "format": "json",
            "agent": "probe@example.invalid",
            "observed": now,
            "payload": b'{"answer": 42}',
            "media": "application/json",
            **fields,
        }
        observation = Observation(id=check_id or uuid4(), **values)
        return observation, now, record.make(observation, now)

    return make
