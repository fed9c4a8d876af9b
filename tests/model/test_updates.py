"""What a probe is told to update to, and what it says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from pumpkin.errors import InvalidRequest
from pumpkin.model.updates import Said, Update, offered, read_said, read_update

DIGEST = "ab" * 32


@dataclass(frozen=True)
class Kit:
    tag: str
    sha256: str
    version: str


def test_only_kits_of_the_servers_own_version_are_offered() -> None:
    kits = [Kit("a", DIGEST, "0.2.0"), Kit("b", "cd" * 32, "0.1.0"), Kit("c", "ef" * 32, "0.2.0")]
    assert offered(kits) == ("0.2.0", {"a": DIGEST, "c": "ef" * 32})
    with pytest.raises(InvalidRequest):
        offered([])


def test_an_update_is_read_as_it_was_written() -> None:
    update = Update(7, "0.2.0", {"a": DIGEST})
    assert read_update(update.as_json()) == update
    assert read_update(None) is None


@pytest.mark.parametrize(
    "given",
    [
        *([], "0.2.0", 7, {}, {"id": 7}),
        {"id": 0, "version": "1", "kits": {}},
        {"id": "7", "version": "1", "kits": {}},
        {"id": 7, "version": "", "kits": {}},
        {"id": 7, "version": "1", "kits": []},
        {"id": 7, "version": "1", "kits": {"a": "../../etc/passwd"}},
        {"id": 7, "version": "1", "kits": {"a": DIGEST.upper()}},
        {"id": 7, "version": "1", "kits": {"a": DIGEST + "\n"}},
    ],
)
def test_what_is_no_update_is_refused(given: Any) -> None:
    with pytest.raises(InvalidRequest):
        read_update(given)


def test_what_a_probe_says_of_it_is_bounded() -> None:
    assert read_said({"id": 7, "state": "failed", "said": "x\x00" * 1_000}) == Said(7, "failed", "x\ufffd" * 250)
    for wrong in (None, [], {"id": 7, "state": "told"}, {"id": "7", "state": "done"}, {"id": 2**63, "state": "done"}):
        assert read_said(wrong) is None
