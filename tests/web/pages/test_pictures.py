"""Pictures are well-formed SVG, say in words what they show, and carry nothing the policy would refuse."""

from __future__ import annotations

import time
from xml.etree import ElementTree

import pytest

from pumpkin.model.agents import Presence
from pumpkin.web.pages.agents import uptime
from pumpkin.web.pages.pictures import Story, Witnessed, bars, proof, strip
from pumpkin.web.pages.plots import trend

NOW = 1_795_000_000_000_000


def story(**more: object) -> Story:
    values: dict[str, object] = {
        "seq": 5,
        "leaf": "ab" * 32,
        "path": [("L", "cd" * 32), ("R", "ef" * 32)],
        "root": "12" * 32,
        "size": 7,
        "after": None,
        "observed": NOW,
        "received": NOW + 5,
        "sealed": NOW + 10,
        "stamps": [Witnessed("local", NOW + 20, 1_000_000, True, 7)],
    }
    return Story(**{**values, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "picture",
    [
        bars([], title="none"),
        bars([0, 3, 7], title="three"),
        strip([("2026-11-21", None), ("2026-11-22", 0.2), ("2026-11-23", 1.0)], title="days"),
        proof(story()),
        proof(story(root=None, size=None, path=[], sealed=None, stamps=[])),
        proof(story(path=[("L", "00" * 32)] * 40, after=NOW - 5)),
        proof(story(stamps=[Witnessed("<b>\"'&" * 20, NOW, 0, False, 7)])),
    ],
)
def test_a_picture_is_well_formed_and_has_no_inline_style(picture: str):
    root = ElementTree.fromstring(picture)
    assert all("style" not in one.attrib for one in root.iter())


def test_the_proof_says_in_words_what_it_shows():
    assert "record 5 reaches the root of the log in 2 steps; checkpoint of size 7; stamped by local" in proof(story())


def test_a_long_path_is_folded():
    assert "34 more hashes" in proof(story(path=[("L", "00" * 32)] * 40))


def test_a_proof_without_lower_bound_says_so():
    assert "No lower bound" in proof(story())


def test_a_day_nobody_knows_of_is_no_outage():
    assert 'class="down"' not in strip([("2026-11-21", None)], title="")


def test_the_strip_says_its_worst_day():
    assert "worst 20 % on 2026-11-22" in strip([("2026-11-21", 1.0), ("2026-11-22", 0.2)], title="")


def test_a_name_with_markup_stays_a_name():
    assert "<b>" not in proof(story(stamps=[Witnessed("<b>", NOW, 0, False, 7)]))


def test_who_came_a_moment_ago_is_shown_available_before_its_minutes_are_written():
    now = time.time_ns() // 1_000
    row = {"first_seen": now - 20_000_000}
    shown = str(uptime(row, {}, Presence("available", since=now - 20_000_000)))
    assert "Available 100.0 % of the last 1 days" in shown or "Available 50.0 % of the last 2 days" in shown
    assert "Available 0.0 %" in str(uptime(row, {}, Presence("unavailable", since=now)))


def test_a_bar_of_nothing_is_drawn_as_nothing():
    assert 'class="bar zero"' in str(bars([0, 3], title="two", second=True))


def test_a_number_that_never_moved_takes_a_line_of_words_and_one_that_did_a_plot():
    flat, moved = (
        trend([(NOW + n * 60_000_000, value * n + 7.0, "ok") for n in range(9)], name="x") for value in (0, 1)
    )
    heights = [int(str(ElementTree.fromstring(one).get("viewBox")).split()[-1]) for one in (flat, moved)]
    assert heights == [18, 96]
    assert "now 7, from 7 to 7" in flat
