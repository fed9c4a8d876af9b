"""Live pages: told once a beat what moved, and their fragments made once for all of a role."""

from __future__ import annotations

import asyncio

from aiohttp.test_utils import TestClient, TestServer

from pumpkin.store.database import Database
from pumpkin.web.pages.render import FRAGMENTS
from pumpkin.web.pulse import PULSE
from tests.web.pages.site import Site, observation, sign_in


async def test_a_flood_of_events_is_told_in_a_beat_or_two(database: Database) -> None:
    site = Site(database)
    await site.people()
    async with TestClient(TestServer(site.app)) as client:
        await sign_in(client, "vera")
        async with client.ws_connect("/api/v1/events?topics=check.stored,proof.stamped&pace=page") as page:
            for number in range(2_000):
                site.bus.publish("check.stored", {"uuid": str(number)})
                site.bus.publish("presence.changed", {"jid": "a@b"})
            first = await page.receive_json(timeout=5)
            site.bus.publish("proof.stamped", {"checkpoint": 1})
            second = await page.receive_json(timeout=5)
    assert (first["topic"], "check.stored" in first["data"]["topics"]) == ("pages.moved", True)
    assert second["data"]["topics"] == ["proof.stamped"]
    assert first["data"]["every"] >= 1.5


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
