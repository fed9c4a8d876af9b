"""What an agent reports of itself, read with care."""

import pytest

from pumpkin.errors import InvalidRequest
from pumpkin.model import introduction


def test_a_report_is_filled_up_and_unknown_keys_are_left_out() -> None:
    said = introduction.read({"duties": ["probe"], "behaviours": [{"name": "a", "surprise": 1}], "x": 2})
    assert (said["duties"], said["site"], said["version"]) == (["probe"], "", "")
    assert said["behaviours"][0]["name"] == "a"
    assert "surprise" not in said["behaviours"][0]


@pytest.mark.parametrize(
    "document",
    [
        {"duties": "probe"},
        {"duties": ["x"] * 51},
        {"duties": ["x" * 101]},
        {"behaviours": [{}]},
        {"behaviours": [{"name": "a", "next_run": -1}]},
        {"behaviours": [{"name": "a", "period_s": float("nan")}]},
        {"behaviours": [{"name": "a"}] * 201},
        {"site": "\x00"},
        {"version": "x" * 300_000},
        {"behaviours": [{"name": "a", "detail": {"n": 2**60}}]},
    ],
)
def test_a_report_that_does_not_fit_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        introduction.read(document)
