"""Untrusted values become text: nothing of them is markup, nothing invisible stays so, nothing is endless."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpkin.web.pages.clients import described
from pumpkin.web.pages.payloads import payload
from pumpkin.web.pages.text import _ODD, digest, duration, plain, rfc3339, size, told, when, words


def test_markup_is_escaped():
    assert "<script>" not in plain("<script>alert(1)</script>")


def test_a_bidi_override_is_named():
    assert plain("a\u202eb") == '<bdi>a<span class="odd" title="RIGHT-TO-LEFT OVERRIDE">U+202E</span>b</bdi>'


def test_a_terminal_code_is_shown_as_a_picture():
    assert "\u241b" in plain("\x1b[31m")


@given(st.text(st.characters(), max_size=400))
def test_no_odd_character_and_no_tag_of_the_value_survives(value: str):
    shown = plain(value).replace("<bdi>", "").replace("</bdi>", "").replace("</span>", "")
    assert not _ODD.search(shown)
    assert all(part.startswith("span class=") for part in shown.split("<")[1:])


def test_a_long_value_is_cut_and_says_so():
    assert plain("x" * 400, 300).endswith('<span class="muted"> … 100 more</span>')


def test_a_lone_surrogate_can_be_sent():
    assert plain("\ud800").encode()


@pytest.mark.parametrize(("count", "shown"), [(0, "0 B"), (999, "999 B"), (1532, "1.5 kB"), (10**9, "1.0 GB")])
def test_sizes_are_for_people(count: int, shown: str):
    assert size(count) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.0021, "2.1 ms"), (61, "1 min 1 s"), (4020, "1 h 7 min"), (200_000, "2 d 7 h")]
)
def test_durations_are_for_people(seconds: float, shown: str):
    assert duration(seconds) == shown


def test_a_time_names_its_microseconds_in_utc():
    assert rfc3339(1_700_000_000_123_456) == "2023-11-14T22:13:20.123456Z"


@pytest.mark.parametrize("micros", [2**62, -(2**62)])
def test_a_time_no_calendar_holds_is_shown_all_the_same(micros: int):
    assert "<time " in when(micros)


def test_a_time_in_words_is_in_the_readers_zone_too_and_what_is_none_is_text():
    assert told("2026-11-18T11:06:40Z") == when(1_795_000_000_000_000)
    assert "<time" in told("2026-11-18T12:06:40.5+01:00", "ago")
    assert told("<b>") == plain("<b>")
    assert told(None) == plain("")
    assert told("2026-11-18") == plain("2026-11-18")


def test_no_time_is_never():
    assert "never" in when(None)


def test_a_hash_is_whole_in_its_title():
    assert 'title="' + "ab" * 32 in digest(b"\xab" * 32)


def test_json_is_indented():
    shown = payload(b'{"a":[1]}', media="application/json", format="json", wrapped=False)
    assert (shown.form, "\n" in shown.text) == ("json", True)


def test_json_too_deep_to_parse_is_text():
    shown = payload(b"[" * 60_000, media="application/json", format="json", wrapped=False)
    assert shown.form == "text"


def test_bytes_are_dumped():
    shown = payload(b"\x00\xff<b>", media="application/octet-stream", format="raw", wrapped=False)
    assert (shown.form, str(shown.text)) == ("hex", f"00000000  {'00 ff 3c 62 3e':<47}  ..&lt;b&gt;")


def test_an_old_shape_is_shown_decoded():
    shown = payload(base64.b64encode(b"22/tcp open"), media="text/plain", format="nmap", wrapped=True)
    assert (shown.decoded, "22/tcp open" in shown.text) == (True, True)


def test_an_old_shape_that_is_no_base64_is_shown_as_it_is():
    assert not payload(b"plain!", media="text/plain", format="nmap", wrapped=True).decoded


def test_ten_megabytes_are_bounded():
    shown = payload(b"x" * 10_000_000, media="text/plain", format="raw", wrapped=False)
    assert (len(shown.text) < 100_000, shown.cut) == (True, 10_000_000 - 64 * 1024)


@given(st.binary(max_size=2_000))
def test_any_payload_is_shown_without_markup_of_its_own(data: bytes):
    shown = payload(data, media="text/html", format="raw", wrapped=False)
    assert "<script" not in shown.text


def test_json_with_markup_is_escaped():
    shown = payload(json.dumps({"a": "<img src=x>"}).encode(), media="application/json", format="json", wrapped=False)
    assert "<img" not in shown.text


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (True, "yes"), (False, "no"), (None, "none"), ([], "none"), (["probe", "scan"], "probe, scan"), (0, "0"),
        ({"forced": True, "tags": ["a", "b"]}, "forced: yes; tags: a, b"), ("as it is", "as it is"),
    ],
)  # fmt: skip
def test_values_are_said_in_words(value: object, said: str) -> None:
    assert words(value) == said


@pytest.mark.parametrize(
    ("client", "said"),
    [
        ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0", "Firefox 133 on Ubuntu"),
        (
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
            " Version/17.5 Mobile/15E148 Safari/604.1"),
            "Safari 17 on iOS 17",
        ),
        ("curl/8.5.0", "curl 8"), ("a browser far away", ""), ("", ""), ("\u202e<b>" * 200, ""),
    ],
)  # fmt: skip
def test_a_browser_is_said_in_words_where_it_is_known(client: str, said: str) -> None:
    assert described(client) == said
