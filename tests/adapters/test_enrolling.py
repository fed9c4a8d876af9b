"""A new host's part of its enrolment: what ends it with a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from pumpkin.adapters.enrolling import Server, enrol
from pumpkin.errors import StartError


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://[", "is no address"),
        ("https://a.example:99999", "is no address"),
        ("ftp://a.example", "is no https address"),
        ("http://a.example", "is not sent in the clear"),
        ("https://127.0.0.1:1", "does not answer"),
    ],
)
async def test_an_address_that_cannot_be_is_said(tmp_path: Path, url: str, said: str) -> None:
    with pytest.raises(StartError, match=said):
        await enrol(Server(url), "token", "fleet.example", "probe", tmp_path / "not" / "there")


async def test_a_folder_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match="cannot be used"):
        await enrol(Server("https://127.0.0.1:1"), "token", "fleet.example", "probe", tmp_path / "file" / "home")
