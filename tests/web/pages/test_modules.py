"""The pages of ad hoc modules: what needs somebody first; hostile text stays text; a person retries, discards,
pauses."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from aiohttp.test_utils import TestClient, TestServer

from pumpkin.store import deliveries
from pumpkin.store.database import sql_folder
from pumpkin.store.deliveries import Refusal
from pumpkin.web import routes
from pumpkin.web.modules import Modules
from tests.web.pages.site import Site, observation, sign_in
from tests.web.test_modules_api import STATUS, trial

EVIL = "<script>alert(1)</script>\u202e" + "W" * 200
Client = TestClient[Any, Any]


async def furnish(site: Site) -> Any:
    """A module that waits, with a dead letter of hostile words, and one that is gone; the application that shows
    them."""
    hostile = {**STATUS, "filter": {**STATUS["filter"], "types": [EVIL], "labels": {EVIL: EVIL}, "severity": "warning"}}
    await site.receive(observation(type=EVIL[:190]))
    stood = await deliveries.enrol(site.db, "soc", "webhook", beginning=True)
    await deliveries.enrol(site.db, "old", "slack", beginning=True)
    said = [Refusal(uuid4(), "check.stored", EVIL, EVIL, 2, seq=0)]
    await deliveries.advance(site.db, stood, seq=0, event=0, delivered=3, refusals=said)
    await deliveries.tried(site.db, "soc", "delivered", items=3, took_s=0.004, subject=EVIL)
    await deliveries.failed(site.db, "soc", attempt=2, not_before=2_000_000_000_000_000, error=EVIL)
    await deliveries.tried(site.db, "soc", "failed", items=1, took_s=30.0, subject=EVIL, error=EVIL)
    root = sql_folder().parent
    services = replace(site.services, modules=Modules(lambda: [hostile], trial))
    return routes.application(services, templates=root / "templates", static=root / "static")


@pytest.fixture
async def operator(site: Site) -> AsyncIterator[Client]:
    async with TestClient(TestServer(await furnish(site))) as made:
        await sign_in(made, "otto")
        yield made


async def get(client: Client, path: str, status: int = 200) -> str:
    async with client.get(path) as answer:
        assert answer.status == status
        return await answer.text()


async def post(client: Client, **fields: str) -> tuple[int, str]:
    token = re.search(r'name="csrf" value="([^"]+)"', await get(client, "/modules/soc"))
    assert token
    async with client.post("/modules/soc", data={"csrf": token[1], **fields}, allow_redirects=False) as answer:
        return answer.status, await answer.text()


async def test_what_needs_somebody_stands_first_and_no_text_becomes_markup(operator: Client) -> None:
    text = await get(operator, "/modules")
    assert text.index('href="/modules/soc"') < text.index('href="/modules/old"')
    assert "waits for its target" in text
    one = await get(operator, "/modules/soc")
    assert "Dead letters" in one
    assert "warning or worse" in one
    for page in (text, one):
        assert "<script>alert" not in page
        assert "\u202e" not in page
    assert "no longer configured" in await get(operator, "/modules/old")
    await get(operator, "/modules/nobody", 404)
    first = await get(operator, "/")
    assert "The module soc waits for its target" in first
    assert "The module soc has 1 dead letter" in first


async def test_a_person_retries_discards_pauses_and_tests(operator: Client, site: Site) -> None:
    (letter,) = await deliveries.dead(site.db, "soc")
    assert (await post(operator, act="retry", letter=str(letter.id)))[0] == 303
    assert (await deliveries.dead(site.db, "soc"))[0].again
    assert "being tried" in await get(operator, "/modules/soc")
    assert (await post(operator, act="discard", letter=str(letter.id)))[0] == 303
    assert await deliveries.dead(site.db, "soc") == []
    status, text = await post(operator, act="discard", letter=str(letter.id))
    assert (status, "There is no such dead letter" in text) == (404, True)
    assert (await post(operator, act="pause"))[0] == 303
    assert "Go on" in await get(operator, "/modules/soc")
    assert (await post(operator, act="resume"))[0] == 303
    status, text = await post(operator, act="test")
    assert "HTTP status 503" in text
    assert (await post(operator, act="burn"))[0] == 404


async def test_who_may_only_read_sees_no_forms_and_is_refused(site: Site) -> None:
    async with TestClient(TestServer(await furnish(site))) as client:
        await sign_in(client, "vera")
        text = await get(client, "/modules/soc")
        assert 'name="act"' not in text
        async with client.post("/modules/soc", data={"act": "pause"}) as answer:
            assert answer.status == 403
    async with TestClient(TestServer(await furnish(site))) as client:
        await sign_in(client, "otto")
        async with client.post("/modules/soc", data={"act": "pause"}) as answer:
            assert answer.status == 403, "without the form's token"
