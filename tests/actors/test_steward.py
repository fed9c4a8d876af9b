"""The steward: what is wrong by each rule, and each alert told once, over restarts too."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from actors.steward import Steward, Watched, wrong_with
from actors.supervision import System
from pumpkin.bus import Bus
from pumpkin.evidence.agreement import Clock
from pumpkin.store import authorities
from pumpkin.store.database import Database

WELL = Watched("one", "ok", "", "", 0, Clock(0, 1_000_000), True, 0)
TWO, THREE = replace(WELL, name="two"), replace(WELL, name="three")


def down(one: Watched, failures: int = 2) -> Watched:
    return replace(one, state="failing", error="timeout", failures=failures)


def lying(one: Watched, seconds: int = 60) -> Watched:
    return replace(one, state="refusing", error="time", failures=2, clock=Clock(seconds * 1_000_000, 1_000_000))


@pytest.mark.parametrize(
    ("watched", "quorum", "rules"),
    [
        ([WELL, TWO, THREE], 2, set()),
        ([WELL, TWO, down(THREE)], 2, {("authority.down", "three")}),
        ([WELL, TWO, down(THREE, failures=1)], 2, set()),
        ([WELL, TWO, lying(THREE)], 2, {("authority.time", "three")}),
        ([WELL, lying(TWO), down(THREE)], 2, {("authority.time", "two"), ("authority.down", "three"), ("quorum", "")}),
        ([lying(WELL), lying(TWO), lying(THREE)], 2, {("clock", ""), ("quorum", "")}),
        ([replace(WELL, state="refusing", error="signature", failures=3), TWO], 1, {("authority.refused", "one")}),
        ([replace(WELL, state="refusing", error="revoked", failures=3), TWO], 1, {("authority.revoked", "one")}),
        ([replace(WELL, ahead_s=61.0), replace(TWO, ahead_s=-61.0)], 1, {("authority.ahead", "one")}),
        ([WELL, replace(TWO, counts=False)], 2, {("quorum", "")}),
        ([WELL, replace(TWO, state="reserve"), THREE], 1, set()),
        ([down(WELL), replace(TWO, state="reserve")], 1, {("authority.down", "one")}),
    ],
)
def test_each_rule(watched: list[Watched], quorum: int, rules: set[tuple[str, str]]) -> None:
    assert set(wrong_with(watched, quorum)) == rules


async def test_an_alert_is_told_once_and_its_end_once_over_a_restart(database: Database) -> None:
    bus, now = Bus(), [down(WELL), TWO]
    told = bus.subscribe(["alert.raised", "alert.resolved"])
    system = System(bus)

    async def nothing() -> None:
        return None

    def make() -> Any:
        return Steward.start(database, bus, refresh=nothing, watched=lambda: now, statuses=list, quorum=1, tick_s=0.02)

    events = aiter(told)
    child = await system.start("steward", make)
    async with asyncio.timeout(10):
        first = await anext(events)
    assert (first.topic, first.data["rule"], first.data["authority"]) == ("alert.raised", "authority.down", "one")
    await system.stop()
    system = System(bus)
    child = await system.start("steward", make)
    assert [one.rule for one in child.actor.alerts] == ["authority.down"]
    now[:] = [WELL, lying(TWO)]
    async with asyncio.timeout(10):
        rest = [await anext(events), await anext(events)]
    assert {(one.topic, one.data["rule"]) for one in rest} == {
        ("alert.raised", "authority.time"),
        ("alert.resolved", "authority.down"),
    }
    await system.stop()
    everything = await authorities.alerts(database, standing=False)
    assert [(one.rule, one.resolved is None) for one in everything] == [
        ("authority.time", True),
        ("authority.down", False),
    ]
