"""The pages of discovery: find a package, see its versions, watch it; hostile text stays text."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from pumpkin.adapters.registries import build
from pumpkin.store import packages, watches
from pumpkin.store.database import sql_folder
from pumpkin.web import routes
from pumpkin.web.discovery import Discovery
from tests.registries.fake import FakeRegistry
from tests.web.pages.site import Site, sign_in

EVIL = "<script>alert(1)</script>"
Client = TestClient[Any, Any]


@pytest.fixture
async def fake() -> AsyncIterator[FakeRegistry]:
    registry = FakeRegistry()
    registry.publish("pypi", "thing", "1.0", extra={"summary": EVIL, "license": EVIL})
    async with registry.running():
        yield registry


@pytest.fixture
async def client(site: Site, fake: FakeRegistry) -> AsyncIterator[Client]:
    """Otto, who may hand packages in."""
    registries = build(fake.places(), rate=10_000, slow=10_000)
    discovery = Discovery(registries.glance, registries.about, registries.known_bad)
    root = sql_folder().parent
    services = replace(site.services, discovery=discovery)
    app = routes.application(services, templates=root / "templates", static=root / "static")
    async with TestClient(TestServer(app)) as made:
        await sign_in(made, "otto")
        yield made
    await registries.close()


async def get(client: Client, path: str, status: int = 200) -> str:
    async with client.get(path) as answer:
        assert answer.status == status
        return await answer.text()


async def post(client: Client, path: str, **fields: str) -> tuple[int, str]:
    token = re.search(r'name="csrf" value="([^"]+)"', await get(client, "/packages/watches"))
    assert token
    async with client.post(path, data={"csrf": token[1], **fields}, allow_redirects=False) as answer:
        return answer.status, await answer.text()


async def test_a_package_is_found_by_a_part_of_its_name(client: Client, site: Site) -> None:
    await packages.remember(site.db, "pypi", [("requests", "2.32.0"), ("requests-oauthlib", None)])
    text = await get(client, "/packages/find?q=oauth")
    assert 'href="/packages/find/pypi/requests-oauthlib"' in text
    assert "Did you mean" in await get(client, "/packages/find?q=reqeusts")


async def test_a_name_nobody_met_can_be_asked_of_its_registry(client: Client, fake: FakeRegistry) -> None:
    fake.publish("npm", "@scope/thing", "1.0.0")
    link = "/packages/find/npm/@scope%2Fthing"
    assert f'href="{link}"' in await get(client, "/packages/find?ecosystem=npm&q=@scope/thing")
    assert "pkg:npm/%40scope/thing" in await get(client, link)
    for hostile in (EVIL, "../../etc", "%00", "a" * 5_000):
        text = await get(client, f"/packages/find?q={hostile}")
        assert EVIL not in text
    await get(client, "/packages/find?ecosystem=nothing", 400)


async def test_a_package_shows_what_its_registry_says_as_text(client: Client) -> None:
    text = await get(client, "/packages/find/pypi/thing")
    assert "pkg:pypi/thing" in text
    assert "latest" in text
    assert EVIL not in text
    assert "&lt;script&gt;" in text
    assert "knows no such package" in await get(client, "/packages/find/pypi/absent", 404)
    await get(client, "/packages/find/pypi/..%2F..%2Fetc", 400)


async def test_a_registry_that_is_down_is_said(client: Client, fake: FakeRegistry) -> None:
    fake.misbehave("down")
    assert "try again" in await get(client, "/packages/find/pypi/thing", 502)


async def test_a_package_is_watched_and_left_again(client: Client, site: Site) -> None:
    assert (await post(client, "/packages/watches", purl="pkg:pypi/thing", priority="3"))[0] == 303
    (kept,) = await watches.every(site.db)
    assert (kept.name, kept.priority) == ("thing", 3)
    assert "thing" in await get(client, "/packages/watches")
    assert (await post(client, f"/packages/watches/{kept.id}/remove"))[0] == 303
    assert await watches.every(site.db) == []
    assert (await post(client, f"/packages/watches/{kept.id}/remove"))[0] == 404


async def test_a_wish_that_is_none_is_said_beside_the_field(client: Client, site: Site) -> None:
    status, text = await post(client, "/packages/watches", purl=f"pkg:pypi/{EVIL}")
    assert status == 400
    assert 'role="alert"' in text
    assert EVIL not in text
    async with client.post("/packages/watches", data={"purl": "pkg:pypi/a"}, allow_redirects=False) as answer:
        assert answer.status == 403
    assert await watches.every(site.db) == []


async def test_who_may_only_read_sees_no_forms(site: Site, viewer: Client) -> None:
    await watches.read_feed(site.db, "pypi", "", 40, EVIL)
    text = await get(viewer, "/packages/watches")
    assert 'action="/packages/watches"' not in text
    assert EVIL not in text
    async with viewer.post("/packages/watches", data={"purl": "pkg:pypi/a"}) as answer:
        assert answer.status == 403
