"""The registry, the messages, the audit."""

from __future__ import annotations

from datetime import date
from uuid import uuid4

from pumpkin.model.agents import Agent, Behaviour, Message
from pumpkin.store import agents, audit, messages
from pumpkin.store.database import Database

JID = "probe@example.invalid"


async def test_a_newcomer_waits_and_a_known_agent_keeps_its_state(database: Database) -> None:
    assert await agents.seen(database, JID, at=10) == ("pending", True)
    await agents.approve(database, JID)
    assert await agents.seen(database, JID, at=30) == ("approved", False)
    assert await agents.seen(database, JID, at=20) == ("approved", False)
    agent = await agents.get(database, JID)
    assert agent is not None
    assert (agent.first_seen, agent.last_seen) == (10, 30)
    await agents.revoke(database, JID)
    assert await agents.seen(database, JID) == ("revoked", False)
    assert await agents.get(database, "nobody@example.invalid") is None


async def test_what_an_agent_says_of_itself_is_kept(database: Database) -> None:
    await agents.seen(database, JID, at=10, state="approved")
    behaviours = (Behaviour("web", "periodic", period_s=60.0, next_run=70, detail={"n": 1}), Behaviour("x", "one-shot"))
    await agents.describe(database, JID, duties=["probe"], tags=("a", "b"), version="1.2")
    await agents.describe(database, JID, site="north")
    await agents.set_behaviours(database, JID, behaviours)
    expected = Agent(JID, "approved", ("probe",), ("a", "b"), "north", "1.2", 10, 10, None, behaviours)
    assert await agents.get(database, JID) == expected


async def test_agents_are_paged_by_name_and_filtered(database: Database) -> None:
    names = [f"a{n:02d}@example.invalid" for n in range(30)]
    for name in reversed(names):
        await agents.seen(database, name)
    await agents.approve(database, names[7])
    await agents.describe(database, names[9], duties=["probe"], tags=["t"])
    first = await agents.page(database, limit=20)
    rest = await agents.page(database, limit=20, after=first[-1].jid)
    assert [agent.jid for agent in first + rest] == names
    assert [agent.jid for agent in await agents.page(database, state="approved")] == [names[7]]
    assert [agent.jid for agent in await agents.page(database, duty="probe", tag="t")] == [names[9]]
    assert [agent.jid for agent in await agents.all_agents(database)] == names


async def test_counters_and_up_time_add_up(database: Database) -> None:
    await agents.seen(database, JID)
    await agents.count_checks(database, {JID: (5, 100), "stranger@example.invalid": (1, 1)})
    await agents.count_checks(database, {JID: (2, 90)})
    await agents.count_checks(database, {})
    agent = await agents.get(database, JID)
    assert agent is not None
    assert (agent.last_check, await agents.checks_of(database, JID)) == (100, 7)
    today, tomorrow = date(2026, 1, 1), date(2026, 1, 2)
    await agents.add_up_time(database, [(JID, today, 60.0), (JID, tomorrow, 90_000.0), ("stranger@x", today, 1.0)])
    await agents.add_up_time(database, [(JID, today, 30.5)])
    await agents.add_up_time(database, [(JID, tomorrow, 1.0)])
    assert await agents.history(database, JID, today) == [(today, 90.5), (tomorrow, 86_400.0)]
    assert await agents.history(database, JID, tomorrow) == [(tomorrow, 86_400.0)]


def message(n: int, sender: str = JID, to: str = "aggregator@example.invalid", **more: str) -> Message:
    return Message(f"id{n}", sender, to, f"body {n}", None, {"performative": "inform"}, n, "<message/>", **more)


async def test_messages_are_read_by_agent_newest_first(database: Database) -> None:
    given = [message(n) if n % 2 else message(n, "other@example.invalid", JID) for n in range(10)]
    stranger = message(99, "a@example.invalid", "b@example.invalid")
    for one in (*given, stranger):
        await messages.add(database, one)
    page = await messages.page(database, JID, limit=4)
    assert [one for _, one in page] == given[:-5:-1]
    rest = await messages.page(database, JID, before=page[-1][0])
    assert [one for _, one in rest] == given[5::-1]
    assert (await messages.page(database, limit=1))[0][1] == stranger
    assert await messages.get(database, page[0][0]) == given[9]
    await messages.trim(database, 3)
    assert len(await messages.page(database)) == 3


async def test_a_message_with_what_text_cannot_hold_is_kept_all_the_same(database: Database) -> None:
    check = str(uuid4())
    number = await messages.add(
        database, Message("i", JID, JID, "a\x00b\ud800", "t\x00", {"k\x00": "v\x00"}, 1, "<m>\x00</m>", check)
    )
    found = await messages.get(database, number)
    assert found is not None
    assert (found.body, found.thread, found.metadata, found.check) == (
        "a\ufffdb?",
        "t\ufffd",
        {"k\ufffd": "v\ufffd"},
        check,
    )


async def test_a_message_an_agent_sends_itself_is_shown_once(database: Database) -> None:
    await messages.add(database, message(1, JID, JID))
    assert len(await messages.page(database, JID)) == 1


async def test_acts_are_read_newest_first_and_by_who_and_what(database: Database) -> None:
    for n in range(6):
        await audit.add(
            database, who=f"p{n % 2}", act="agent.approved", object=f"agent:{n % 3}", detail={"n": [n, "\x00"]}
        )
    page = await audit.page(database, limit=4)
    assert [act.detail["n"][0] for act in page] == [5, 4, 3, 2]
    assert [act.detail["n"][0] for act in await audit.page(database, before=page[-1].n)] == [1, 0]
    assert [act.detail["n"][0] for act in await audit.page(database, who="p1")] == [5, 3, 1]
    assert [act.detail["n"][0] for act in await audit.page(database, object="agent:0")] == [3, 0]
