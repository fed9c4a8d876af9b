"""Deliveries: in order, again until taken, to the dead letters when refused; over kills, with a slow module beside."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from actors.clerk import Clerk
from actors.exporter import Exporter, Pace
from actors.supervision import Child, System
from pumpkin.adapters.modules import Away, Failed, Module, Outcome, Refused
from pumpkin.bus import Bus
from pumpkin.evidence import record
from pumpkin.feed import Feed
from pumpkin.model.deliveries import Filter, Item
from pumpkin.store import agents, checks, deliveries
from pumpkin.store.database import Database
from tests.actors.conftest import observation

QUICK = Pace(timeout_s=5, attempts=3, backoff_s=0.02, backoff_max_s=0.05)


class Shelf(Module):
    """A module as a third party might write it: what it is handed lands on a shelf, and its shop may be closed."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.batch = shop, shop.batch  # type: ignore[misc]

    async def open(self) -> None:
        self.shop.opened += 1

    async def deliver(self, items: Sequence[Item]) -> Sequence[Outcome] | None:
        self.shop.asked.append([one.id for one in items])
        return await self.shop.take(items)


class Shop:
    """Where a Shelf delivers to. `mood(items)` may raise, answer outcomes, or wait."""

    def __init__(self, batch: int = 1) -> None:
        self.batch, self.opened = batch, 0
        self.asked: list[list[UUID]] = []
        self.items: list[Item] = []
        self.mood: Callable[[Sequence[Item]], Awaitable[Any]] | None = None

    async def take(self, items: Sequence[Item]) -> Sequence[Outcome] | None:
        answer = await self.mood(items) if self.mood is not None else None
        self.items += [one for n, one in enumerate(items) if answer is None or answer[n] is None]
        return answer  # type: ignore[no-any-return]

    @property
    def payloads(self) -> list[str]:
        return [one.data["payload"].get("text", "") for one in self.items]


class Post:
    """Modules under a supervisor, on one database."""

    def __init__(self, db: Database) -> None:
        self.db, self.bus = db, Bus()
        self.system = System(self.bus)
        self.children: dict[str, Child[Exporter]] = {}

    async def module(self, shop: Shop, name: str = "shelf", pace: Pace = QUICK, **more: Any) -> Child[Exporter]:
        wanted = more.pop("wanted", Filter())
        feed = Feed(self.db, name, wanted, **{key: more.pop(key) for key in ("stamped",) if key in more})
        child = await self.system.start(
            f"module {name}",
            lambda: Exporter.start(self.db, feed, lambda: Shelf(shop), kind="shelf", pace=pace, **more),
        )
        self.children[name] = child
        return child

    async def clerk(self, *readers: str, topics: Sequence[str] = ()) -> Child[Clerk]:
        return await self.system.start(
            "clerk", lambda: Clerk.start(self.db, self.bus, topics=topics, readers=readers, wake=self.wake)
        )

    def wake(self, name: str = "") -> None:
        for one, child in self.children.items():
            if name in ("", one):
                child.actor.wake()

    async def store(self, *texts: str, **more: Any) -> None:
        now = time.time_ns() // 1_000
        seen = [observation(text.encode(), **more) for text in texts]
        await checks.store_batch(self.db, [(one, now, record.make(one, now)) for one in seen])
        self.wake()

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not done():
                await asyncio.sleep(0.005)

    async def settled(self, delivered: int, name: str = "shelf") -> deliveries.Standing:
        """Its row, once so many deliveries are written down."""
        async with asyncio.timeout(10):
            while (found := await self.standing(name)).delivered < delivered:
                await asyncio.sleep(0.005)
        return found

    async def standing(self, name: str = "shelf") -> deliveries.Standing:
        return next(one for one in await deliveries.everything(self.db) if one.name == name)


@pytest.fixture
async def post(database: Database) -> AsyncIterator[Post]:
    made = Post(database)
    yield made
    await made.system.stop(4)


def texts(first: int, count: int) -> list[str]:
    return [f"n{number}" for number in range(first, first + count)]


async def test_what_comes_after_the_module_is_delivered_in_order(post: Post) -> None:
    await post.store("before")
    shop = Shop(batch=4)
    await post.module(shop)
    await post.store(*texts(0, 10))
    await post.until(lambda: len(shop.items) == 10)
    assert shop.payloads == texts(0, 10)
    assert [one.severity for one in shop.items[:1]] == ["ok"]
    standing = await post.settled(10)
    assert (standing.delivered, standing.behind, standing.dead, standing.last_error) == (10, 0, 0, "")
    assert standing.last_success is not None


async def test_a_module_that_begins_at_the_beginning_catches_up(post: Post) -> None:
    await post.store(*texts(0, 450))
    shop = Shop(batch=100)
    await post.module(shop, beginning=True)
    await post.until(lambda: len(shop.items) == 450)
    assert shop.payloads == texts(0, 450)


async def test_a_filter_by_type_severity_agent_target_tag_and_label(post: Post) -> None:
    await agents.seen(post.db, "dmz@example.org", state="approved")
    async with post.db.writer() as connection:
        await connection.execute("update agents set tags = '{dmz}'")
    shops = {name: Shop() for name in ("type", "severity", "agent", "target", "tag", "label", "exact", "none")}
    wants = {
        "type": Filter(types=("ht*",)),
        "severity": Filter(severity="warning"),
        "agent": Filter(agents=("*@example.org",)),
        "target": Filter(targets=("https://*",)),
        "tag": Filter(tags=("dmz", "lab")),
        "label": Filter(labels={"team": "a"}),
        "exact": Filter(types=("ping", "dns")),
        "none": Filter(topics=("report.ready",)),
    }
    for name, shop in shops.items():
        await post.module(shop, name, wanted=wants[name])
    await post.store("plain")
    await post.store("http", type="http", detail={"status": "unknown", "target": "https://a.example"})
    await post.store("grave", agent="dmz@example.org", type="x", detail={"status": "critical", "labels": {"team": "a"}})
    await post.store("other", agent="key:abc", type="x", detail={"labels": {"team": "b"}})
    async with asyncio.timeout(10):
        while any(one.behind for one in await deliveries.everything(post.db)):
            await asyncio.sleep(0.01)
    assert {name: shop.payloads for name, shop in shops.items()} == {
        "type": ["http"],
        "severity": ["grave"],
        "agent": ["plain", "http", "grave"],
        "target": ["http"],
        "tag": ["grave"],
        "label": ["grave"],
        "exact": ["plain"],
        "none": [],
    }
    assert (await post.standing("none")).behind == 0


async def test_a_target_that_is_away_is_waited_for_and_gets_all_in_order(post: Post) -> None:
    shop, opened = Shop(batch=3), False

    async def closed(items: Sequence[Item]) -> None:
        if not opened:
            raise Away("it is closed")

    shop.mood = closed
    await post.module(shop)
    await post.store(*texts(0, 7))
    await post.until(lambda: len(shop.asked) >= 5)
    standing = await post.standing()
    assert standing.retries >= 4
    assert (standing.delivered, standing.last_error, standing.dead) == (0, "it is closed", 0)
    assert len({tuple(ids) for ids in shop.asked[1:]}) == 1, "the head of the queue, by the same id at every try"
    await post.until(lambda: post.children["shelf"].actor.waiting == 7)
    opened = True
    await post.until(lambda: len(shop.items) == 7)
    assert shop.payloads == texts(0, 7)
    await post.settled(7)
    await asyncio.sleep(0.05)
    assert [one.outcome for one in await deliveries.tries(post.db, "shelf", 1)] == ["delivered"]


async def test_as_long_as_a_target_asks_for_it_is_left_alone(post: Post) -> None:
    shop = Shop()

    async def later(items: Sequence[Item]) -> None:
        raise Away("too many", after_s=3_600)

    shop.mood = later
    await post.module(shop)
    await post.store("one")
    await post.until(lambda: len(shop.asked) == 1)
    await asyncio.sleep(0.1)
    standing = await post.standing()
    assert 3_590e6 < standing.not_before - time.time_ns() // 1_000 <= 3_600e6
    shop.mood = None
    await post.clerk()
    await deliveries.retry(post.db, "shelf")  # what a person asks for counts more; told to the running process
    await post.until(lambda: shop.payloads == ["one"])


async def test_an_item_refused_for_good_is_a_dead_letter_and_the_next_follow(post: Post) -> None:
    shop = Shop(batch=10)

    async def picky(items: Sequence[Item]) -> list[Outcome]:
        return [Refused("too\nugly") if one.data["payload"]["text"] == "n2" else None for one in items]

    shop.mood = picky
    await post.module(shop)
    await post.clerk()
    await post.store(*texts(0, 5))
    await post.until(lambda: len(shop.items) == 4)
    assert shop.payloads == ["n0", "n1", "n3", "n4"]
    async with asyncio.timeout(5):
        while not (found := await deliveries.dead(post.db, "shelf")):
            await asyncio.sleep(0.01)
    (letter,) = found
    assert (letter.reason, letter.seq, letter.tries, letter.topic) == ("too ugly", 2, 1, "check.stored")

    await deliveries.retry(post.db, "shelf", letter.id)
    async with asyncio.timeout(5):
        while (await deliveries.dead_one(post.db, "shelf", letter.id)).tries < 2:  # type: ignore[union-attr]
            await asyncio.sleep(0.01)
    shop.mood = None
    assert await deliveries.retry(post.db, "shelf") == 1
    await post.until(lambda: len(shop.items) == 5)
    assert shop.payloads[-1] == "n2"
    assert shop.items[-1].id == letter.delivery
    async with asyncio.timeout(5):
        while await deliveries.dead(post.db, "shelf"):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("way", ["failed", "raises", "miscounts"])
async def test_a_poison_item_is_found_alone_and_given_up(post: Post, way: str) -> None:
    shop = Shop(batch=10)

    async def poisoned(items: Sequence[Item]) -> Any:
        if any(one.data["payload"]["text"] == "n3" for one in items):
            if way == "raises":
                raise KeyError("secret-of-the-module")
            if way == "miscounts":
                return []
            raise Failed("HTTP status 500")
        return None

    shop.mood = poisoned
    await post.module(shop)
    await post.store(*texts(0, 6))
    await post.until(lambda: len(shop.items) == 5)
    assert shop.payloads == ["n0", "n1", "n2", "n4", "n5"]
    await post.settled(5)
    (letter,) = await deliveries.dead(post.db, "shelf")
    assert letter.seq == 3
    assert letter.tries == 3
    assert "given up after 3 tries" in letter.reason
    assert "secret-of-the-module" not in letter.reason
    assert post.children["shelf"].restarts == 0


async def test_a_module_that_hangs_harms_no_other_and_not_those_who_bring_checks(post: Post) -> None:
    stuck, well = Shop(), Shop()

    async def forever(items: Sequence[Item]) -> None:
        await asyncio.Event().wait()

    stuck.mood = forever
    await post.module(stuck, "stuck", Pace(timeout_s=0.2, backoff_s=0.02, backoff_max_s=0.02))
    await post.module(well, "well")
    await post.store(*texts(0, 20))
    await post.until(lambda: len(well.items) == 20)
    assert stuck.items == []
    await post.until(lambda: len(stuck.asked) >= 2)
    assert (await post.standing("stuck")).last_error == "no answer within 0.2 s"


async def test_a_kill_in_the_middle_brings_the_same_ids_again_and_loses_nothing(post: Post) -> None:
    shop, entered = Shop(batch=4), asyncio.Event()

    async def slow(items: Sequence[Item]) -> None:
        if len(shop.items) == 4 and not entered.is_set():
            shop.items += items  # taken, but we are killed before we hear of it
            entered.set()
            await asyncio.Event().wait()

    shop.mood = slow
    child = await post.module(shop)
    await post.store(*texts(0, 10))
    async with asyncio.timeout(5):
        await entered.wait()
    child.actor.kill()
    await post.until(lambda: len(shop.items) >= 14)
    ids = [one.id for one in shop.items]
    assert shop.payloads == [*texts(0, 4), *texts(4, 4), *texts(4, 6)]
    assert ids[4:8] == ids[8:12]
    assert len(set(ids)) == 10


async def test_presence_and_faults_reach_modules_in_their_order_among_checks(post: Post) -> None:
    shop = Shop(batch=5)
    wanted = Filter(topics=("check.stored", "presence.changed", "log.fault", "authority.alert"))
    await post.clerk("shelf", topics=wanted.events)
    post.bus.publish("presence.changed", {"jid": "early@example.org", "show": "away", "status": ""})
    async with asyncio.timeout(5):
        while not await deliveries.events(post.db, 0, ["presence.changed"], 1):
            await asyncio.sleep(0.01)
    await post.module(shop, wanted=wanted)
    await post.store("first")
    await post.until(lambda: len(shop.items) == 1)
    post.bus.publish("presence.changed", {"jid": "probe@example.org", "show": "unavailable", "status": "\u202e"})
    post.bus.publish(
        "alert.raised", {"id": 1, "rule": "down", "severity": "critical", "checks": [], "authority": "tsa"}
    )
    post.bus.publish("alert.raised", {"id": 2, "rule": "mine", "severity": "critical", "checks": []})
    post.bus.publish("log.fault", {"kind": "gap", "position": 3, "source": "audit"})
    await post.until(lambda: len(shop.items) == 4)
    await post.store("last")
    await post.until(lambda: len(shop.items) == 5)
    assert [(one.topic, one.severity) for one in shop.items] == [
        ("check.stored", "ok"),
        ("presence.changed", "warning"),
        ("authority.alert", "critical"),
        ("log.fault", "critical"),
        ("check.stored", "ok"),
    ]
    assert shop.items[1].subject == "probe@example.org is unavailable"


async def test_an_event_refused_for_good_can_be_tried_again(post: Post) -> None:
    shop = Shop()

    async def never(items: Sequence[Item]) -> None:
        raise Refused("no")

    shop.mood = never
    await post.clerk("shelf", topics=["presence.changed"])
    await post.module(shop, wanted=Filter(topics=("presence.changed",)))
    await asyncio.sleep(0.05)
    post.bus.publish("presence.changed", {"jid": "probe@example.org", "show": "away", "status": ""})
    async with asyncio.timeout(5):
        while not await deliveries.dead(post.db, "shelf"):
            await asyncio.sleep(0.01)
    shop.mood = None
    await deliveries.retry(post.db, "shelf")
    await post.until(lambda: len(shop.items) == 1)
    assert shop.items[0].data == {"jid": "probe@example.org", "show": "away", "status": ""}


async def test_events_beyond_the_bound_are_dropped_oldest_first_and_said_so(post: Post) -> None:
    await deliveries.enrol(post.db, "slow", "shelf", beginning=False)
    await deliveries.add_events(post.db, [("presence.changed", n, {"jid": f"a{n}@x"}) for n in range(10)])
    assert await deliveries.tidy_events(post.db, ["slow"], most=4) == ["slow"]
    left = await deliveries.events(post.db, 0, ["presence.changed"], 100)
    assert [one["at"] for one in left] == [6, 7, 8, 9]
    assert (await post.standing("slow")).lost == 6
    assert await deliveries.tidy_events(post.db, ["slow"], most=4) == []
    assert (await post.standing("slow")).lost == 6


async def test_a_paused_module_waits_and_goes_on_where_it_stood(post: Post) -> None:
    shop = Shop()
    await post.module(shop)
    await post.clerk()
    await deliveries.pause(post.db, "shelf", paused=True)
    await asyncio.sleep(0.1)
    await post.store("one", "two")
    await asyncio.sleep(0.1)
    assert shop.items == []
    await deliveries.pause(post.db, "shelf", paused=False)
    await post.until(lambda: shop.payloads == ["one", "two"])
    assert not await deliveries.pause(post.db, "nobody", paused=True)


async def test_what_must_be_stamped_first_waits_for_its_stamp(post: Post) -> None:
    shop = Shop()
    await post.module(shop, stamped=True, beginning=True)
    await post.store("one")
    await asyncio.sleep(0.1)
    assert shop.items == []


async def test_an_erased_payload_and_a_large_one_are_said_to_be_left_out(post: Post) -> None:
    await post.store("secret", id=(number := uuid4()))
    await post.store("x" * 70_000)
    await post.store("\udcff".encode("utf-8", "surrogateescape").decode("latin-1"), media="text/plain")
    await checks.erase(post.db, number)
    shop = Shop()
    await post.module(shop, beginning=True)
    await post.until(lambda: len(shop.items) == 3)
    said = [one.data["payload"] for one in shop.items]
    assert said[0]["left_out"] == "erased"
    assert said[1] == {"media": "text/plain", "size": 70_000, "left_out": "too large"}


async def test_forgetting_a_module_forgets_its_dead_letters(post: Post) -> None:
    stood = await deliveries.enrol(post.db, "old", "shelf", beginning=True)
    await post.store("one")
    why = deliveries.Refusal(uuid4(), "check.stored", "subject", "no", 1, seq=0)
    assert await deliveries.advance(post.db, stood, seq=1, event=0, refusals=[why])
    assert not await deliveries.advance(post.db, stood, seq=1, event=0), "another process moved it"
    assert (await post.standing("old")).dead == 1
    assert await deliveries.discard(post.db, "old", 10**9) == 0
    assert await deliveries.forget(post.db, "old")
    assert not await deliveries.forget(post.db, "old")


async def test_of_two_nodes_only_the_leader_delivers_and_the_other_goes_on_where_it_stood(post: Post) -> None:
    first, second, leader = Shop(), Shop(), [True]
    await post.module(first, leading=lambda: leader[0])
    feed = Feed(post.db, "shelf", Filter())
    make = lambda: Shelf(second)  # noqa: E731
    start = lambda: Exporter.start(post.db, feed, make, kind="shelf", pace=QUICK, leading=lambda: not leader[0])  # noqa: E731
    other = await post.system.start("other node", start)
    await post.store("one")
    await post.settled(1)
    leader[0] = False
    await post.store("two")
    other.actor.wake()
    await post.until(lambda: second.payloads == ["two"])
    assert first.payloads == ["one"]


def alert(event: str, severity: str, **more: Any) -> bytes:
    """What the log holds of an alert's event."""
    said = {"id": str(uuid4()), "rule": "slow", "severity": severity, "message": "too slow", "event": event, **more}
    return json.dumps({"target": "https://a.example", "muted": None, "to": [], **said}).encode()


async def test_alerts_go_by_topic_and_severity_and_to_the_module_their_rule_names(post: Post) -> None:
    shop, named = Shop(), Shop()
    await post.module(shop, wanted=Filter(topics=("alert.raised", "alert.resolved"), severity="critical"))
    await post.module(named, "named", wanted=Filter(topics=("report.ready",)))
    for body in (
        alert("opened", "warning", to=["module:named"]),
        alert("opened", "critical"),
        alert("acknowledged", "critical"),
        alert("opened", "critical", muted="silence:1", to=["module:named"]),
        alert("resolved", "critical", to=7),
        b"[]",
    ):
        await post.store(body.decode(), kind="alert", type="alert-x", agent="system:correlator", detail={})
    await post.until(lambda: len(shop.items) == 2 and len(named.items) == 1)
    assert [(one.topic, one.severity) for one in shop.items] == [
        ("alert.raised", "critical"),
        ("alert.resolved", "critical"),
    ]
    first = named.items[0]
    assert (first.topic, first.severity, first.type) == ("alert.raised", "warning", "slow")
    assert first.subject == "raised: too slow (warning)"
    assert first.path == f"/alerts/{first.data['alert']['id']}"
