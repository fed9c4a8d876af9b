"""What checks show of an agent's behaviours when it reports none."""

from __future__ import annotations

from pumpkin.model.cadence import AGENTS_LIMIT, Cadence

S = 1_000_000


def test_a_steady_rhythm_is_a_period_and_says_what_comes_next():
    seen = Cadence()
    for at in (0, 10, 20, 31, 40):
        seen.note("a@x", "ping", at * S)
    [one] = seen.take(41 * S)["a@x"]
    assert (one["kind"], one["period_s"], one["next_run"], one["inferred"]) == ("periodic", 10.0, 50 * S, True)
    assert seen.take(42 * S) == {}


def test_no_rhythm_is_no_period_and_one_check_is_one_shot():
    seen = Cadence()
    for at in (0, 1, 20, 22, 90):
        seen.note("a@x", "ping", at * S)
    seen.note("a@x", "scan", 0)
    ping, scan = seen.take(91 * S)["a@x"]
    assert (ping["kind"], ping["period_s"], scan["kind"]) == ("cyclic", None, "one-shot")


def test_a_missed_rhythm_is_late():
    seen = Cadence()
    for at in range(0, 50, 10):
        seen.note("a@x", "ping", at * S)
    [one] = seen.take(200 * S)["a@x"]
    assert (one["state"], one["next_run"]) == ("late", None)


def test_who_reports_is_forgotten_and_of_many_the_latest_are_known():
    seen = Cadence()
    seen.note("a@x", "ping", 0)
    seen.forget("a@x")
    assert seen.take(1) == {}
    for n in range(AGENTS_LIMIT + 5):
        seen.note(f"{n}@x", "ping", n)
    assert len(seen.take(1)) == AGENTS_LIMIT
