"""What `pumpkin key list` says of a key."""

from __future__ import annotations

import pytest

from pumpkin.commands.access import shown

NOW = 1_795_296_600_000_000  # 2026-11-21


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ({}, "abcd1234  active   ci  packages:read  100/h  until -  used -"),
        ({"expires": NOW + 1}, "abcd1234  active   ci  packages:read  100/h  until 2026-11-21  used -"),
        ({"expires": NOW, "last_used": NOW}, "abcd1234  expired  ci  packages:read  100/h  until 2026-11-21  used 2026-11-21"),  # noqa: E501
        ({"expires": NOW, "revoked": NOW}, "abcd1234  revoked  ci  packages:read  100/h  until 2026-11-21  used -"),
    ],
)  # fmt: skip
def test_a_key_that_opens_nothing_is_not_called_active(row: dict[str, int], line: str) -> None:
    key = {"prefix": "abcd1234", "name": "ci", "scopes": ["packages:read"], "rate": 100,
           "expires": None, "revoked": None, "last_used": None}  # fmt: skip
    assert shown({**key, **row}, NOW) == line
