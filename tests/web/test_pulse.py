"""Live pages: told once a beat what moved, and their fragments made once for all of a role."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

from aiohttp import ClientWebSocketResponse
from aiohttp.test_utils import TestClient, TestServer

from pumpkin.store.database import Database
from pumpkin.web.pages.render import FRAGMENTS
from pumpkin.web.pulse import PULSE
from tests.web.pages.site import Site, observation, sign_in

PAGE = "/api/v1/events?topics=check.stored,proof.stamped&pace=page"


async def moved(page: ClientWebSocketResponse) -> dict[str, Any]:
    """What a page is told to have moved."""
    while (told := await page.receive_json(timeout=10))["topic"] != "pages.moved":
        pass
    data: dict[str, Any] = told["data"]
    return data


async def test_a_flood_of_events_is_told_in_a_beat_or_two(database: Database) -> None:
    site = Site(database)
    await site.people()
    async with TestClient(TestServer(site.app)) as client:
        await sign_in(client, "vera")
        async with client.ws_connect(PAGE) as page:
            for number in range(2_000):
                site.bus.publish("check.stored", {"uuid": str(number)})
                site.bus.publish("presence.changed", {"jid": "a@b"})
            first = await moved(page)
            site.bus.publish("proof.stamped", {"checkpoint": 1})
            second = await moved(page)
    assert "check.stored" in first["topics"]
    assert second["topics"] == ["proof.stamped"]
    assert first["every"] >= 1.5


async def test_between_two_beats_a_fragment_is_made_once_for_a_role(database: Database) -> None:
    site, made = Site(database), [0]
    await site.people()
    await site.receive(observation(type="first"))

    async def make() -> tuple[bytes, int]:
        made[0] += 1
        await asyncio.sleep(0)
        return b"{}", 200

    async with TestClient(TestServer(site.app)) as client:
        pulse = site.app[PULSE]
        await asyncio.gather(*(pulse.shared("a key", make) for _ in range(50)))
        assert made == [1]
        await sign_in(client, "ada")
        async with client.get("/agents", headers={FRAGMENTS: "pending fleet"}) as answer:
            assert set(await answer.json()) == {"pending", "fleet"}


async def test_what_failed_to_be_made_is_made_again(database: Database) -> None:
    site, tries = Site(database), [0]

    async def make() -> tuple[bytes, int]:
        tries[0] += 1
        if tries[0] == 1:
            raise ConnectionError
        return b"{}", 200

    async with TestClient(TestServer(site.app)):
        pulse = site.app[PULSE]
        first = await asyncio.gather(pulse.shared("a key", make), return_exceptions=True)
        assert isinstance(first[0], ConnectionError)
        assert await pulse.shared("a key", make) == (b"{}", 200)


async def test_a_shared_fragment_carries_nobodys_forgery_token(database: Database) -> None:
    site = Site(database)
    await site.people()
    await site.agent("new@pumpkin.example", state="pending")
    async with TestClient(TestServer(site.app)) as client:
        await sign_in(client, "ada")
        async with client.get("/agents", headers={FRAGMENTS: "pending"}) as answer:
            fragment = (await answer.json())["pending"]
    assert 'name="csrf" value=""' in fragment


async def test_a_page_is_told_again_and_again_that_its_line_lives(database: Database) -> None:
    site = Site(database)
    await site.people()
    site.app[PULSE].alive_s = 0.02
    async with TestClient(TestServer(site.app)) as client:
        await sign_in(client, "vera")
        async with client.ws_connect(PAGE) as page:
            told = [await page.receive_json(timeout=10) for _ in range(3)]
    assert {one["topic"] for one in told} == {"pages.alive"}
    assert [one["data"]["alive"] for one in told] == [0.02] * 3
    assert told[0]["data"]["now"] <= told[2]["data"]["now"] <= time.time() * 1_000


async def test_a_page_is_told_what_moved_while_it_was_on_its_way(database: Database) -> None:
    site = Site(database)
    await site.people()
    async with TestClient(TestServer(site.app)) as client:
        await sign_in(client, "vera")
        async with client.get("/checks") as answer:
            seen = re.search(r'<meta name="seen" content="(\d+)">', await answer.text())
        assert seen
        site.bus.publish("check.stored", {"uuid": "1"})
        async with client.ws_connect(f"{PAGE}&since={seen[1]}") as page:
            assert (await moved(page))["topics"] == ["check.stored"]
        async with client.ws_connect(f"{PAGE}&since=99999999") as page:
            assert (await moved(page))["topics"] == ["events.lost"]


async def test_what_moves_while_a_page_is_being_told_is_told_after_it(database: Database) -> None:
    site = Site(database)
    await site.people()
    async with TestClient(TestServer(site.app)) as client:
        await sign_in(client, "vera")
        async with client.ws_connect(f"{PAGE}&since=0") as page:
            for topic in ("check.stored", "proof.stamped"):  # at most one of them is what it is told first
                site.bus.publish(topic, {})
                site.app[PULSE]._beat()
            told: set[str] = set()
            while told != {"check.stored", "proof.stamped"}:
                told |= set((await moved(page))["topics"])
