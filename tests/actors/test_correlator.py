"""The correlator on a real database behind a real aggregator: alerts, each once, whatever dies when."""

from __future__ import annotations

import asyncio
import json
import os
import time
from uuid import uuid4

import pytest

from actors.correlator import Pace
from pumpkin.bus import Bus
from pumpkin.errors import Conflict, InvalidRequest, NotFound, Unavailable
from pumpkin.model.agents import Behaviour
from pumpkin.prover import Prover
from pumpkin.store import agents, alerts, audit, checks
from tests.actors.conftest import StartLine, observation
from tests.actors.desk import DOWN, PACE, Desk, Open, desk

__all__ = ["desk"]


async def test_an_alert_opens_is_counted_up_and_resolved_once_each_with_its_check(desk: Open) -> None:
    d = await desk(DOWN)
    first, second = await d.see(), await d.see()
    await d.see("critical", target="other-type", detail={})
    await d.caught_up()
    opened, other = await d.all()
    assert (opened.rule, opened.state, opened.severity, opened.message) == (
        "down",
        "open",
        "critical",
        "shop is critical",
    )
    assert [one.id for one in opened.checks] == [first, second]
    assert (opened.count, opened.to, other.subject.target) == (2, ("oncall",), "other-type")
    over = await d.see("ok")
    await d.caught_up()
    opened = (await d.all())[0]
    assert (opened.state, opened.why) == ("resolved", "status is ok")
    assert [one.id for one in opened.checks] == [first, second, over]
    assert await d.history(opened) == ["opened", "resolved"]
    told = [(topic, data["event"]) for topic, data in d.told() if data["id"] == str(opened.id)]
    assert told == [("alert.raised", "opened"), ("alert.resolved", "resolved")]


async def test_each_event_is_a_check_that_is_proven_and_names_what_it_rests_on(
    desk: Open, start_line: StartLine
) -> None:
    line = await start_line()
    d = await desk(DOWN, line)
    broke = await d.see()
    await d.caught_up()
    alert = await d.one()
    await alerts.acknowledge(d.db, alert.id, "user:otto", "mine")
    await alerts.comment(d.db, alert.id, "user:otto", "it is the disk")
    await d.see("ok")
    await d.caught_up()
    events = await alerts.events(d.db, alert.id)
    assert [one.event for one in events] == ["opened", "acknowledged", "commented", "resolved"]
    size = await checks.size(d.db)
    await line.until_stamped(size)
    prover = Prover(d.db, line.key)
    for one in events:
        assert one.check is not None
        kept = await checks.get(d.db, one.check)
        assert kept is not None
        assert (kept.kind, kept.type, kept.agent, kept.seq) == (
            "alert",
            f"alert-{one.event}",
            "system:correlator",
            one.seq,
        )
        said = json.loads(kept.payload or b"")
        assert {"uuid": str(broke), "seq": 0} in said["checks"]
        assert (said["id"], said["by"]) == (str(alert.id), one.who)
        proof = await prover.proof(one.check)
        assert proof["index"] == kept.seq
        assert proof["stamps"]
    assert [(one.who, one.act) for one in await audit.page(d.db)] == [
        ("user:otto", "alert.commented"),
        ("user:otto", "alert.acknowledged"),
    ]


async def test_what_alerts_say_raises_no_alert(desk: Open) -> None:
    d = await desk('[[rule]]\nname = "all"\nkind = "expected"\nvalue = "size"\nop = "<"\nexpect = 5')
    await d.see("ok")
    await d.caught_up()
    assert len(await d.all()) == 1


# -- hot reload


async def test_a_changed_file_is_in_force_at_once_and_keeps_the_states_of_rules_that_mean_the_same(desk: Open) -> None:
    d = await desk(DOWN.replace("[[rule]]", "[[rule]]\nafter = 2"))
    await d.see()
    await d.caught_up()
    d.file.write_text(DOWN.replace("[[rule]]", "[[rule]]\nafter = 2").replace("{target} is", "broken:"), "utf-8")
    await d.until(lambda: d.actor._source.file.rule[0].message.startswith("broken"))
    await d.see()
    await d.caught_up()
    assert (await d.one()).message == "broken: critical"


async def test_an_alert_outlives_another_meaning_of_its_rule(desk: Open) -> None:
    d = await desk(DOWN)
    await d.see()
    await d.see(target="bank")
    await d.caught_up()
    d.file.write_text(DOWN.replace("[[rule]]", '[[rule]]\nmissing = "ignored"'), "utf-8")
    await d.until(lambda: d.actor._engine.machines["down"].rule.missing == "ignored")
    await d.see("ok")
    await d.see("critical", target="bank")
    await d.caught_up()
    assert [(one.subject.target, one.state, one.count) for one in await d.all()] == [
        ("shop", "resolved", 1),
        ("bank", "open", 2),
    ]
    d.file.write_text(DOWN.replace("[[rule]]", '[[rule]]\nby = ["agent"]'), "utf-8")  # its groups are others
    await d.until(lambda: not d.actor._book.standing)


async def test_a_bad_file_leaves_the_old_rules_standing_and_says_what_is_wrong(desk: Open) -> None:
    d = await desk(DOWN)
    d.file.write_text(DOWN + "\nseverty = 1", "utf-8")
    await d.until(lambda: d.actor.status()["error"])
    (fault,) = d.actor.status()["faults"]
    assert (fault["code"], fault["rule"], fault["field"], fault["line"]) == (
        "rules_unknown_field",
        "down",
        "severty",
        10,
    )
    await d.see()
    await d.caught_up()
    assert len(await d.all()) == 1
    await d.stop()
    await d.start()  # the last good rules, from before
    await d.see(target="another")
    await d.caught_up()
    assert len(await d.all()) == 2
    assert d.actor.status()["faults"]
    d.file.write_text(DOWN, "utf-8")
    await d.until(lambda: d.actor.status()["error"] is None)


async def test_the_alerts_of_a_rule_that_is_gone_are_over(desk: Open) -> None:
    d = await desk(DOWN)
    await d.see()
    await d.caught_up()
    d.file.unlink()
    await d.until(lambda: not d.actor._source.file.rule)
    await d.until(lambda: not d.actor._book.standing)
    await d.caught_up()
    assert (await d.one()).why == "no rule watches this any more"


async def test_a_new_rule_knows_the_past_and_does_not_judge_it(desk: Open) -> None:
    d = await desk(DOWN)
    for status in ("ok", "warning", "ok"):
        await d.see(status)
    await d.caught_up()
    d.file.write_text(DOWN + '\n[[rule]]\nname = "changed"\nkind = "change"', "utf-8")
    await d.until(lambda: "changed" in d.actor._engine.machines)
    await d.see("warning")
    await d.caught_up()
    (one,) = [one for one in await d.all() if one.rule == "changed"]
    assert one.message == "http shop: warning, was ok"
    assert len(one.checks) == 2


# -- restarts

STATEFUL = DOWN.replace("[[rule]]", "[[rule]]\nafter = 3\nrecover = 2")


@pytest.mark.parametrize("cut", [2, 3, 5, 6])
@pytest.mark.parametrize("kept", [True, False])
async def test_a_killed_correlator_neither_doubles_nor_loses(desk: Open, cut: int, kept: bool) -> None:
    """Killed after each of these checks, with states kept just before or long ago."""
    d = await desk(STATEFUL, pace=Pace(**{**PACE_FIELDS, "keep_s": 0.01 if kept else 60.0}))
    for number, status in enumerate(["critical"] * 4 + ["ok"] * 3, 1):
        await d.see(status)
        if number == cut:
            if kept:
                await d.caught_up()
            await d.kill()
            await d.start()
    await d.caught_up()
    alert = await d.one()
    assert (alert.state, alert.count) == ("resolved", 2)
    assert await d.history(alert) == ["opened", "resolved"]
    told = dict.fromkeys((data["event_id"], data["event"]) for _, data in d.told())  # again after a crash: the same id
    assert [event for _, event in told] == ["opened", "resolved"]


PACE_FIELDS = {name: getattr(PACE, name) for name in ("tick_s", "settle_s", "roster_s", "again_s")}


async def test_killed_at_any_moment_each_alert_is_there_once(desk: Open) -> None:
    d = await desk(DOWN)
    for number in range(40):
        await d.see("critical", target=f"t{number}")
        if number % 3 == 0:
            await asyncio.sleep(0.001 * (number % 11))
            await d.kill()
            await d.start()
    for number in range(40):
        await d.see("ok", target=f"t{number}")
    await d.kill()
    await d.start()
    await d.caught_up()
    found = await d.all()
    assert sorted(one.subject.target for one in found) == sorted(f"t{number}" for number in range(40))
    for one in found:
        assert await d.history(one) == ["opened", "resolved"]
    events = [data["event_id"] for _, data in d.told()]
    assert len(set(events)) == 80
    assert await d.db_count("select count(*) from checks where kind = 'alert'") == 80


async def test_only_one_of_two_correlates(desk: Open) -> None:
    d = await desk(DOWN)
    second = Desk(d.db, d.aggregator, d.file, Bus())
    await second.start(holder="another")
    assert second.actor.state == "standby"
    await d.see()
    await d.caught_up()
    await d.stop()
    await second.until(lambda: second.actor.state == "running")
    await second.see("ok")
    await second.caught_up()
    await second.stop()
    assert await d.history(await d.one()) == ["opened", "resolved"]


async def test_a_database_that_goes_away_loses_nothing(desk: Open, dsn: str) -> None:
    d = await desk(DOWN)
    await d.see()
    await d.caught_up()
    async with d.db.writer() as connection:
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
            " and datname = current_database()"
        )
    for left in reversed(range(50)):
        try:
            await d.see("ok")
            break
        except Unavailable:  # it was cut off in the middle; a probe would send it again
            assert left
            await asyncio.sleep(0.05)
    await d.caught_up()
    assert await d.history(await d.one()) == ["opened", "resolved"]


# -- silence, clocks, floods


async def test_a_probe_that_falls_silent_is_missed_also_over_a_restart(desk: Open) -> None:
    d = await desk('[[rule]]\nname = "silent"\nkind = "silence"\nperiods = 3\nselect = { type = "http" }')
    await agents.approve(d.db, "probe@example.org")
    await agents.set_behaviours(d.db, "probe@example.org", [Behaviour("http", "periodic", period_s=0.2)])
    await d.until(lambda: bool(d.actor._engine.roster))
    last = await d.see("ok")
    await d.caught_up()
    await d.kill()
    await d.start()
    await d.until(lambda: bool(d.told()))
    alert = await d.one()
    assert ([one.id for one in alert.checks], alert.subject.agent) == ([last], "probe@example.org")
    await d.see("ok")
    await d.caught_up()
    assert (await d.one()).why == "heard again"


async def test_a_probe_whose_clock_is_years_off_is_judged_all_the_same(desk: Open) -> None:
    d = await desk('[[rule]]\nname = "many"\nkind = "threshold"\nwindow = "1m"\nlimit = 3')
    for years in (-40, 0, 400):
        await d.see(observed=time.time_ns() // 1_000 + years * 31_557_600_000_000)
    await d.caught_up()
    assert (await d.one()).value == 3.0


async def test_the_servers_own_clock_may_jump(desk: Open) -> None:
    shift = [0]
    d = await desk(
        '[[rule]]\nname = "silent"\nkind = "silence"\nperiod = "10m"',
        now=lambda: time.time_ns() // 1_000 + shift[0],
    )
    await d.see("ok")
    await d.caught_up()
    for years in (3, -3):
        shift[0] = years * 31_557_600_000_000
        await d.until(lambda wanted=shift[0]: abs(d.actor._engine.now - time.time_ns() // 1_000 - wanted) < 60_000_000)
        await asyncio.sleep(0.1)
    assert await d.all() == []


async def test_a_flood_costs_one_alert_and_one_write_a_batch(desk: Open) -> None:
    d = await desk(DOWN)
    many = [observation(type="http", detail={"target": "shop", "status": "critical"}) for _ in range(5_000)]
    await d.aggregator.receive_many(many)
    await d.caught_up()
    alert = await d.one()
    assert (alert.count, len(alert.checks)) == (5_000, 50)
    assert await d.history(alert) == ["opened"]


async def test_text_of_checks_stays_text(desk: Open) -> None:
    d = await desk(DOWN)
    await d.see(target="{rule} <script>alert(1)</script>\u202e{agent}" + "x" * 900)
    await d.caught_up()
    message = (await d.one()).message
    assert message.startswith("{rule} <script>alert(1)</script>\ufffd{agent}")
    assert len(message) < 300


async def test_a_rule_that_fails_by_a_fault_of_ours_stands_aside(desk: Open) -> None:
    d = await desk(DOWN + '\n[[rule]]\nname = "odd"\nkind = "change"')
    machine = d.actor._engine.machines["odd"]
    await d.see("ok")
    await d.caught_up()
    for state in machine.states.values():
        state["last"] = 5  # what no version of ours wrote
    await d.see("critical")
    await d.caught_up()
    assert [one.rule for one in await d.all()] == ["down"]
    assert "TypeError" in next(one for one in d.actor.status()["rules"] if one["name"] == "odd")["last_error"]


async def test_people_act_on_what_is_there_only(desk: Open) -> None:
    d = await desk(DOWN)
    await d.see()
    await d.caught_up()
    alert = await d.one()
    with pytest.raises(NotFound):
        await alerts.acknowledge(d.db, uuid4(), "user:otto")
    with pytest.raises(InvalidRequest):
        await alerts.comment(d.db, alert.id, "user:otto", " \x00 ")
    await alerts.resolve(d.db, alert.id, "user:otto", "gone")
    for act in (alerts.acknowledge, alerts.resolve):
        with pytest.raises(Conflict):
            await act(d.db, alert.id, "user:otto")
    await d.caught_up()
    await d.see()  # still broken: another alert
    await d.caught_up()
    assert [one.state for one in await d.all()] == ["resolved", "open"]


async def test_long_names_are_groups_like_others(desk: Open) -> None:
    d = await desk(DOWN)
    for _ in range(2):
        await d.see(target="漢" * 500, type="http")
        await d.see(target="漢" * 499, type="http")
    await d.caught_up()
    await d.kill()
    await d.start()
    await d.see("ok", target="漢" * 500)
    await d.caught_up()
    assert [(one.count, one.state) for one in await d.all()] == [(2, "resolved"), (2, "open")]


async def test_a_rule_file_that_is_none_is_told(desk: Open) -> None:
    d = await desk(DOWN)
    d.file.unlink()
    os.mkfifo(d.file)
    await d.until(lambda: d.actor.status()["faults"])
    assert d.actor.status()["faults"][0]["code"] == "rules_unreadable"
    assert d.actor._source.file.rule


async def test_a_stop_in_the_middle_of_a_flood_counts_nothing_twice(desk: Open) -> None:
    d = await desk(DOWN, pace=Pace(**{**PACE_FIELDS, "keep_s": 60.0, "batch": 20}))
    many = [observation(type="http", detail={"target": "shop", "status": "critical"}) for _ in range(600)]
    await d.aggregator.receive_many(many)
    for _ in range(8):
        await asyncio.sleep(0.004)
        await d.stop()
        await d.start()
    await d.caught_up()
    assert (await d.one()).count == 600
