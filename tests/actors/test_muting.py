"""Who is told of an alert, and when: silences, windows, parents that are away, steps of escalation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pumpkin.model.agents import Presence
from pumpkin.model.alerts.muting import Matcher, Span
from pumpkin.store import agents, alerts, audit, mutes
from tests.actors.desk import DOWN, Open, desk

__all__ = ["desk"]


def matcher(**given: Any) -> Matcher:
    return Matcher.model_validate(given)


def hours(start: float, end: float, **more: Any) -> Span:
    now = datetime.now(UTC)
    return Span(starts=now + timedelta(hours=start), ends=now + timedelta(hours=end), **more)


async def test_a_silenced_alert_is_kept_and_told_when_the_silence_is_over(desk: Open) -> None:
    d = await desk(DOWN)
    silence = await mutes.add(d.db, "silence", matcher(target="sh*"), hours(-1, 1), who="user:otto", reason="known")
    await d.see()
    await d.see(target="bank")
    await d.caught_up()
    shop, bank = await d.all()
    assert (shop.muted, bank.muted) == (silence.name, "")
    assert [(topic, data["target"]) for topic, data in d.told()] == [
        ("alert.changed", "shop"),
        ("alert.raised", "bank"),
    ]
    await mutes.end(d.db, silence.id, who="user:otto")
    await d.until(lambda: any(data["event"] == "unmuted" for _, data in d.told()))
    assert d.told()[-1][0] == "alert.raised"
    assert await d.history(shop) == ["opened", "unmuted"]
    assert {one.act for one in await audit.page(d.db)} == {"silence.added", "silence.ended"}


async def test_an_alert_that_comes_and_goes_in_a_maintenance_window_is_told_to_nobody(desk: Open) -> None:
    d = await desk(DOWN)
    window = hours(-240, 240, cron="* * * * *", lasts="2m")
    await mutes.add(d.db, "maintenance", matcher(rule="down"), window, who="user:otto", reason="patch day")
    await d.see()
    await d.see("ok")
    await d.caught_up()
    assert (await d.one()).muted == "maintenance:1"
    assert [topic for topic, _ in d.told()] == ["alert.changed", "alert.changed"]


@pytest.mark.parametrize(
    ("span", "holds"),
    [
        ({"starts": "2026-11-01T00:00Z", "ends": "2026-11-30T00:00Z"}, True),
        ({"starts": "2026-11-22T00:00Z", "ends": "2026-11-30T00:00Z"}, False),
        ({"starts": "2026-11-01T00:00Z", "ends": "2026-12-30T00:00Z", "cron": "0 3 * * *", "lasts": "2h"}, True),
        ({"starts": "2026-11-01T00:00Z", "ends": "2026-12-30T00:00Z", "cron": "0 3 * * *", "lasts": "1h"}, False),
        (
            {
                "starts": "2026-11-01T00:00Z",
                "ends": "2026-12-30T00:00Z",
                "cron": "0 5 * * *",
                "lasts": "1h",
                "zone": "Europe/Paris",
            },
            True,
        ),
    ],
)
def test_when_a_window_holds(span: dict[str, Any], holds: bool) -> None:
    assert Span.model_validate(span).holds(datetime(2026, 11, 21, 4, 30, tzinfo=UTC)) is holds


DEPENDENT = DOWN + '\n[[dependency]]\nparent = "gw@x"\nchildren = { site = "hall-7" }\n'


async def test_children_are_mute_while_their_parent_is_away(desk: Open) -> None:
    d = await desk(DEPENDENT)
    for jid, site in (("gw@x", "hall-7"), ("a@x", "hall-7"), ("b@x", "hall-8")):
        await agents.approve(d.db, jid)
        await agents.describe(d.db, jid, site=site)
        d.presence[jid] = Presence("available")
    await d.until(lambda: len(d.actor._engine.roster) == 3)
    d.presence["gw@x"] = Presence("unavailable")
    for jid in ("a@x", "b@x"):
        await d.see(agent=jid, target=jid)
    await d.caught_up()
    child, other = await d.all()
    assert (child.muted, other.muted) == ("dependency:gw@x", "")
    d.presence["gw@x"] = Presence("available")
    await d.until(
        lambda: [data["event"] for topic, data in d.told() if topic == "alert.raised"] == ["opened", "unmuted"]
    )


async def test_a_parent_whose_alert_comes_a_little_later_still_mutes(desk: Open) -> None:
    d = await desk(
        DEPENDENT.replace('site = "hall-7"', 'agent = "a@x"').replace("[[dependency]]", "[[dependency]]\nwait = 30")
    )
    await d.see(agent="a@x", target="a")
    await d.caught_up()
    assert (await d.one()).muted == "waiting:gw@x"
    await d.see(agent="gw@x", target="gw")
    await d.caught_up()
    child, parent = await d.all()
    assert (child.muted, parent.muted) == ("dependency:gw@x", "")
    assert [data["target"] for topic, data in d.told() if topic == "alert.raised"] == ["gw"]


# -- escalation

ESCALATING = (
    DOWN
    + """
escalate = [
  { after = 0.1, to = ["lead"] },
  { after = 0.2, severity = "critical", to = ["boss"], even_acknowledged = true },
  { after = 0.3, to = ["nobody"] },
]
"""
)


async def test_an_alert_nobody_looks_after_is_escalated_step_by_step(desk: Open) -> None:
    d = await desk(ESCALATING)
    await d.see()
    await d.until(lambda: sum(topic == "alert.escalated" for topic, _ in d.told()) == 3)
    alert = await d.one()
    assert (alert.step, alert.to) == (3, ("oncall", "lead", "boss", "nobody"))
    assert [data["detail"]["to"] for topic, data in d.told() if topic == "alert.escalated"] == [
        ["lead"],
        ["boss"],
        ["nobody"],
    ]


async def test_an_acknowledged_alert_is_escalated_only_where_the_rule_says_so(desk: Open) -> None:
    steps = '[{ after = 2, to = ["lead"], even_acknowledged = true }, { after = 2.1, to = ["boss"] }]'
    d = await desk(f"{DOWN}\nescalate = {steps}")
    await d.see()
    await d.caught_up()
    alert = await d.one()
    await alerts.acknowledge(d.db, alert.id, "user:otto")
    await d.until(lambda: any(topic == "alert.escalated" for topic, _ in d.told()))
    await d.until(lambda: d.actor._now() > alert.opened + 2_300_000)
    await d.caught_up()
    assert (await d.one()).step == 1
