"""What fails now is found whole: before the tally has folded it in and after, however far back, page by page."""

from __future__ import annotations

import random
from typing import Any

from pumpkin.store import agents, checks, failing
from pumpkin.store.database import Database

from .conftest import Make

Series = tuple[str, str, str | None]


def expected(said: list[tuple[Series, str | None]]) -> dict[Series, tuple[str, int, int, int]]:
    """Of each series that fails: its newest status that is bad, the places of its first and last, how many."""
    found: dict[Series, tuple[str, int, int, int]] = {}
    for place, (series, status) in enumerate(said):
        if status == "ok":
            found.pop(series, None)
        elif status in ("warning", "critical"):
            _, first, _, times = found.get(series, ("", place, 0, 0))
            found[series] = status, first, place, times + 1
    return found


async def shown(database: Database, most: int = 1_000, **filters: Any) -> dict[Series, tuple[str, int, int, int]]:
    rows = await failing.page(database, most=most, **filters)
    return {
        (one["agent"], one["type"], one["target"]): (one["status"], one["first"], one["last"], one["times"])
        for one in rows
    }


async def test_whatever_came_in_whatever_order_what_fails_is_whole(database: Database, row: Make) -> None:
    dice = random.Random(8)
    names: list[Series] = [
        (f"p{agent}@example.invalid", kind, target)
        for agent in range(3)
        for kind in ("http", "tls")
        for target in (None, "", "a", "b" * 3_000)
    ]
    said: list[tuple[Series, str | None]] = []
    for _ in range(8):
        part = [
            (dice.choice(names), dice.choice(("ok", "ok", "ok", "warning", "critical", "unknown", None)))
            for _ in range(40)
        ]
        rows = []
        for (agent, kind, target), status in part:
            given = {name: value for name, value in (("target", target), ("status", status)) if value is not None}
            rows.append(row(agent=agent, type=kind, detail=given))
        await checks.store_batch(database, rows)
        said += part
        assert await shown(database) == expected(said)
        left = await failing.fold(database, dice.choice((0, 7, 33, 500)))
        assert left >= 0
        assert await shown(database) == expected(said)
    while await failing.fold(database, 11):
        pass
    assert await shown(database) == expected(said)
    count = await failing.count(database)
    assert sum(count.values()) == len(expected(said))


async def test_an_old_failure_is_not_hidden_by_a_thousand_newer_ones(database: Database, row: Make) -> None:
    await checks.store_batch(database, [row(detail={"target": "the old one", "status": "warning"})])
    for status in ("critical", "ok"):
        rows = [row(detail={"target": f"t{n}", "status": status}) for n in range(1_000)]
        await checks.store_batch(database, rows)
    assert [one[2] for one in await shown(database)] == ["the old one"]
    await failing.fold(database)
    assert [one[2] for one in await shown(database)] == ["the old one"]


async def test_pages_follow_each_other_without_a_gap(database: Database, row: Make) -> None:
    for n in range(25):
        status = "critical" if n % 3 else "warning"
        await checks.store_batch(database, [row(detail={"target": f"t{n}", "status": status})])
    whole = await failing.page(database, most=100)
    assert [one["status"] for one in whole] == ["critical"] * 16 + ["warning"] * 9
    seen, after = [], None
    while True:
        part = await failing.page(database, most=4, after=after)
        if not part:
            break
        seen += part
        after = part[-1]["status"] == "critical", part[-1]["last"]
    assert seen == whole
    assert len(await failing.page(database, most=100, q="T2")) == 6
    assert len(await failing.page(database, most=100, status="warning")) == 9


async def test_what_somebody_let_go_of_comes_back_when_it_fails_again(database: Database, row: Make) -> None:
    bad = {"target": "gone", "status": "critical"}
    await checks.store_batch(database, [row(detail=bad)])
    (one,) = await failing.page(database, most=9)
    assert await failing.let_go(database, one["series"], one["last"] + 1) is None
    told = await failing.let_go(database, one["series"], one["last"])
    assert told is not None
    assert told["target"] == "gone"
    assert await shown(database) == {}
    await checks.store_batch(database, [row(detail=bad)])
    assert list((await shown(database)).values()) == [("critical", 0, 1, 2)]
    await failing.fold(database)
    assert list((await shown(database)).values()) == [("critical", 0, 1, 2)]


async def test_what_a_revoked_agent_said_last_is_not_wrong_now(database: Database, row: Make) -> None:
    await agents.seen(database, "probe@example.invalid")
    await checks.store_batch(database, [row(detail={"status": "critical"})])
    assert len(await shown(database)) == 1
    await agents.revoke(database, "probe@example.invalid")
    assert await shown(database) == {}
    assert await failing.count(database) == {"critical": 0, "warning": 0}
