"""Signing in at a real OpenID provider of this machine: let in by subject and group, and what must not work."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp.test_utils import TestClient, TestServer
from oidc_provider_mock import User, run_server_in_thread

from pumpkin.building.entrance import entrance
from pumpkin.errors import StartError
from pumpkin.sections import OpenIdSettings
from pumpkin.settings import Settings
from pumpkin.store import people
from pumpkin.store.database import Database
from tests.web.pages.site import Site

Client = TestClient[Any, Any]
PEOPLE = (
    User(sub="1001", claims={"preferred_username": "grace", "groups": ["staff", "monitors"]}),
    User(sub="1002", claims={"preferred_username": "mallory", "groups": ["visitors"]}),
    User(sub="1003", claims={"preferred_username": "ada", "groups": ["monitors"]}),
)


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """Where the provider is."""
    with run_server_in_thread(require_nonce=True, user_claims=PEOPLE) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
async def client(database: Database, provider: str, tmp_path: Path) -> AsyncIterator[Client]:
    """Somebody at the door of a site that trusts the provider."""
    wanted = OpenIdSettings(
        issuer=provider, client_id="pumpkin", client_secret="s", roles={"monitors": "operator", "staff": "viewer"}
    )
    async with AsyncExitStack() as stack:
        site = Site(database, entrance=entrance(Settings(data=tmp_path, openid=wanted), stack))
        await site.people()
        yield await stack.enter_async_context(TestClient(TestServer(site.app)))


async def come(client: Client, subject: str, next_: str = "") -> tuple[int, str]:
    """Go to the provider, say there who one is, come back; status and where that leads (or what it says)."""
    address = await leave(client, next_)
    async with client.session.post(address, data={"sub": subject}, allow_redirects=False) as answer:
        back = urlsplit(answer.headers["Location"])
    async with client.get(f"{back.path}?{back.query}", allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location") or await answer.text()


async def leave(client: Client, next_: str = "") -> str:
    async with client.get("/login/openid", params={"next": next_}, allow_redirects=False) as answer:
        assert answer.status == 303
        return answer.headers["Location"]


async def test_a_person_comes_in_with_the_role_of_their_groups(client: Client, database: Database):
    assert await come(client, "1001", "/checks?status=ok") == (303, "/checks?status=ok")
    person = await people.get(database, "grace")
    assert person is not None
    assert (person.role, person.openid is not None) == ("operator", True)
    async with client.get("/account") as answer:
        assert "signs in" in (await answer.text()).casefold()
    assert (await come(client, "1001"))[0] == 303
    assert len(await people.everybody(database)) == 4


async def test_who_is_in_no_group_is_not_let_in(client: Client, database: Database):
    status, text = await come(client, "1002")
    assert (status, "none of your groups" in text) == (403, True)
    assert await people.get(database, "mallory") is None


async def test_a_name_that_is_taken_gives_nobody_that_account(client: Client):
    status, text = await come(client, "1003")
    assert (status, "already somebody named ada" in text) == (403, True)


async def test_a_closed_account_stays_closed(client: Client, database: Database):
    await come(client, "1001")
    await people.disable(database, "grace")
    assert (await come(client, "1001"))[0] == 403


async def test_an_answer_to_another_browser_is_refused(client: Client):
    address = await leave(client)
    async with client.session.post(address, data={"sub": "1001"}, allow_redirects=False) as answer:
        back = urlsplit(answer.headers["Location"])
    client.session.cookie_jar.clear()
    async with client.get(f"{back.path}?{back.query}", allow_redirects=False) as answer:
        assert answer.status == 403


async def test_a_code_is_taken_once_and_only_with_its_state(client: Client):
    address = await leave(client)
    async with client.session.post(address, data={"sub": "1001"}, allow_redirects=False) as answer:
        query = parse_qs(urlsplit(answer.headers["Location"]).query)
    code, state = query["code"][0], query["state"][0]
    for given in ({"code": code, "state": "x" * 32}, {"state": state}, {"code": "y" * 40, "state": state}):
        async with client.get("/login/openid/back", params=given, allow_redirects=False) as answer:
            assert answer.status == 403, given


async def test_the_address_sent_there_has_challenge_state_and_nonce(client: Client):
    asked = parse_qs(urlsplit(await leave(client)).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert all(len(asked[name][0]) >= 32 for name in ("state", "nonce", "code_challenge"))


async def test_a_provider_in_clear_text_elsewhere_stops_the_start(tmp_path: Path):
    wanted = OpenIdSettings(issuer="http://login.example", client_id="pumpkin")
    async with AsyncExitStack() as stack:
        with pytest.raises(StartError, match="not an https address"):
            entrance(Settings(data=tmp_path, openid=wanted), stack)


async def test_a_provider_that_is_away_is_said(database: Database, tmp_path: Path):
    wanted = OpenIdSettings(issuer="http://127.0.0.1:9", client_id="pumpkin")
    async with AsyncExitStack() as stack:
        site = Site(database, entrance=entrance(Settings(data=tmp_path, openid=wanted), stack))
        client = await stack.enter_async_context(TestClient(TestServer(site.app)))
        async with client.get("/login/openid", allow_redirects=False) as answer:
            assert (answer.status, "cannot be reached" in await answer.text()) == (503, True)
