"""Many resources make one presence; days are counted in UTC."""

from datetime import UTC, date, datetime

from pumpkin.model.presence import Roll

A = "a@localhost"
MIDNIGHT = int(datetime(2026, 11, 21, tzinfo=UTC).timestamp()) * 1_000_000
HOUR = 3_600_000_000


def test_the_most_available_resource_speaks_for_the_agent() -> None:
    roll = Roll()
    assert roll.note(A, "one", "away", "out", 1)
    assert roll.note(A, "two", "available", "in", 2)
    assert roll.board.agents[A].show == "available"
    assert roll.resources(A) == [f"{A}/two", f"{A}/one"]
    assert roll.note(A, "two", "unavailable", "", 3)
    assert (roll.board.agents[A].show, roll.board.agents[A].since) == ("away", 3)


def test_an_old_board_never_changes() -> None:
    roll = Roll()
    before = roll.board
    roll.note(A, "one", "available", "", 1)
    assert before.agents == {}


def test_the_same_presence_again_is_no_change() -> None:
    roll = Roll()
    roll.note(A, "one", "available", "x", 1)
    assert not roll.note(A, "one", "available", "x", 2)
    assert roll.board.agents[A].since == 1


def test_uptime_is_cut_at_midnight_and_counted_once() -> None:
    roll = Roll()
    roll.note(A, "one", "available", "", MIDNIGHT - HOUR)
    assert roll.take_uptime(MIDNIGHT + HOUR) == {(A, date(2026, 11, 20)): 3600.0, (A, date(2026, 11, 21)): 3600.0}
    roll.note(A, "one", "unavailable", "", MIDNIGHT + 2 * HOUR)
    assert roll.take_uptime(MIDNIGHT + 5 * HOUR) == {(A, date(2026, 11, 21)): 3600.0}


def test_when_the_connection_is_lost_nobody_is_available() -> None:
    roll = Roll()
    roll.note(A, "one", "available", "", 1)
    assert roll.forget_all(2) == [A]
    assert roll.board.agents[A].show == "unavailable"
    assert roll.resources(A) == []


def test_a_flood_of_resources_is_bounded() -> None:
    roll = Roll()
    for n in range(200):
        roll.note(A, str(n), "available", "", n)
    assert len(roll.resources(A)) == 50
