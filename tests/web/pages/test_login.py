"""Signing in and out, and choosing a password."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re

import pytest
from aiohttp import BasicAuth, ClientPayloadError, WSMsgType
from aiohttp.test_utils import TestClient, TestServer

from pumpkin.model.passwords import fault
from pumpkin.store import factors, people, sessions
from pumpkin.web.edge import WATCH_S
from pumpkin.web.pages.login import next_of
from tests.web.pages.site import PASSWORDS, Site, observation, sign_in, token


async def test_a_right_password_opens_a_session(stranger: TestClient):
    answer = await sign_in(stranger, "vera")
    cookie = answer.cookies["pumpkin_session"]
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


@pytest.mark.parametrize(("name", "password"), [("vera", "wrong"), ("nobody", "a quiet viewer"), ("vera", "")])
async def test_a_wrong_pair_says_the_same_for_everybody(stranger: TestClient, name: str, password: str):
    answer = await sign_in(stranger, name, password)
    assert (answer.status, "Name or password is not right." in await answer.text()) == (401, True)


async def test_a_form_from_elsewhere_is_refused(stranger: TestClient):
    fields = {"name": "vera", "password": PASSWORDS["vera"], "csrf": "x"}
    async with stranger.post("/login", data=fields, allow_redirects=False) as answer:
        assert answer.status == 403


async def test_many_wrong_passwords_are_slowed(stranger: TestClient):
    answers = [(await sign_in(stranger, "vera", f"wrong {number}")).status for number in range(12)]
    assert answers[:10] == [401] * 10
    assert answers[-1] == 429


async def test_signing_out_ends_the_session_on_the_server(viewer: TestClient):
    async with viewer.get("/") as answer:
        csrf = token(await answer.text())
    kept = {cookie.key: cookie.value for cookie in viewer.session.cookie_jar}
    async with viewer.post("/logout", data={"csrf": csrf}, allow_redirects=False) as answer:
        assert answer.headers["Location"] == "/login"
    headers = {"Cookie": f"pumpkin_session={kept['pumpkin_session']}"}
    async with viewer.get("/", headers=headers, allow_redirects=False) as answer:
        assert answer.status == 303


async def test_signing_out_needs_the_forgery_token(viewer: TestClient):
    async with viewer.post("/logout", data={}, allow_redirects=False) as answer:
        assert answer.status == 403


async def test_a_one_time_password_opens_only_its_change(site: Site, stranger: TestClient):
    once = await people.add(site.db, "admin", role="admin", must_change=True)
    answer = await sign_in(stranger, "admin", once)
    assert answer.headers["Location"] == "/password"
    async with stranger.get("/checks", allow_redirects=False) as answer:
        assert answer.headers["Location"] == "/password"
    async with stranger.get("/api/v1/checks") as answer:
        assert answer.status == 403
    async with stranger.get("/password") as answer:
        csrf = token(await answer.text())
    fields = {"csrf": csrf, "new": "a walk in the park", "again": "a walk in the park"}
    async with stranger.post("/password", data=fields, allow_redirects=False) as answer:
        assert answer.headers["Location"] == "/"
    async with stranger.get("/") as answer:
        assert answer.status == 200
    assert await people.verify(site.db, "admin", once) is None


async def test_the_one_time_password_cannot_be_kept(site: Site, stranger: TestClient):
    once = await people.add(site.db, "admin", role="admin", must_change=True)
    await sign_in(stranger, "admin", once)
    async with stranger.get("/password") as answer:
        csrf = token(await answer.text())
    async with stranger.post("/password", data={"csrf": csrf, "new": once, "again": once}) as answer:
        assert (answer.status, "choose another" in await answer.text()) == (400, True)


async def test_a_change_needs_the_current_password(viewer: TestClient):
    async with viewer.get("/password") as answer:
        csrf = token(await answer.text())
    fields = {"csrf": csrf, "current": "wrong", "new": "a walk in the park", "again": "a walk in the park"}
    async with viewer.post("/password", data=fields) as answer:
        assert (answer.status, "current password is not right" in await answer.text()) == (400, True)


@pytest.mark.parametrize(
    ("new", "word"),
    [
        ("fourteen signs", "at least"),
        ("x" * 600, "at most"),
        ("verasvera12vera", "your name"),
        ("aaaaaaaaaaaaaaaaaa", "attacker"),
        ("Password12Password12", "attacker"),
        ("qwertyuiopasdfghjkl", "attacker"),
        ("1234567890123456", "attacker"),
    ],
)
def test_a_password_that_will_not_do_is_told_why(new: str, word: str):
    assert word in (fault("vera", new) or "")


def test_a_long_plain_password_will_do():
    assert fault("vera", "correct horse battery") is None


def test_beside_a_second_factor_eight_characters_will_do():
    assert fault("vera", "k9 moor ha", second_factor=True) is None


@pytest.mark.parametrize(
    "given",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "x",
        "/a\nb",
        "///e",
    ],
)
def test_the_way_back_never_leaves_this_server(given: str):
    assert next_of(given) == "/"


async def test_a_person_with_a_second_factor_comes_in_by_no_password_alone(site: Site, stranger: TestClient):
    await factors.set_totp(site.db, "vera", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    login = BasicAuth("vera", PASSWORDS["vera"])
    async with stranger.get("/api/v1/checks", auth=login) as answer:
        assert answer.status == 401
    answer = await sign_in(stranger, "vera")
    assert "Second factor" in await answer.text()
    async with stranger.get("/checks", allow_redirects=False) as answer:
        assert answer.status == 303


async def test_what_an_open_connection_hears_ends_with_its_session(site: Site):
    site.app[WATCH_S] = 0.05
    async with TestClient(TestServer(site.app)) as vera:
        await sign_in(vera, "vera")
        address = "/api/v1/events?topics=check.stored"
        async with (
            vera.ws_connect(address) as all_,
            vera.ws_connect(address + "&pace=page") as moved,
            vera.get(address) as stream,
        ):
            await site.receive(observation())
            for socket, telling in ((all_, 1), (moved, 2)):  # a page is first told that its line lives
                for _ in range(telling):
                    assert (await socket.receive(timeout=10)).type is WSMsgType.TEXT
            await sessions.end_others(site.db, "vera")
            for socket in (all_, moved):
                assert (await socket.receive(timeout=10)).type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING)
            async with asyncio.timeout(10):
                with contextlib.suppress(ClientPayloadError):
                    await stream.read()


async def test_a_secret_that_is_none_is_answered_by_another(viewer: TestClient):
    async with viewer.get("/account") as answer:
        csrf = token(await answer.text())
    for secret in ("", "\x00", "<b>" * 11, "0" * 32, "jbswy3dpehpk3pxpjbswy3dpehpk3pxp", "\u202e" * 32):
        async with viewer.post("/account/totp", data={"csrf": csrf, "secret": secret, "code": "123456"}) as answer:
            text = await answer.text()
        assert (answer.status, "That is not the code of now" in text) == (400, True)
        assert re.search(r'name="secret" value="[A-Z2-7]{32}"', text)


async def test_a_breach_of_the_policy_is_noted_where_an_administrator_looks(admin: TestClient):
    told = {
        "csp-report": {"document-uri": "http://x/checks", "effective-directive": "script-src", "blocked-uri": "evil"}
    }
    async with admin.get("/settings") as answer:
        assert "no browser reported a breach" in await answer.text()
    for content in (json.dumps(told), "nonsense", "[]"):
        async with admin.post("/csp-report", data=content) as answer:
            assert answer.status == 204
    async with admin.get("/settings") as answer:
        assert "script-src" in await answer.text()


async def test_a_held_form_never_leads_elsewhere(stranger: TestClient):
    async with stranger.get("/login") as answer:
        csrf = token(await answer.text())
    for path in ("//evil.example/x", "https://evil.example", "/\\evil.example", "/a b"):
        held = json.dumps({"path": path, "fields": [["a", "b"]]})
        fields = {"csrf": csrf, "name": "vera", "password": PASSWORDS["vera"], "held": held}
        async with stranger.post("/login", data=fields, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/")
        stranger.session.cookie_jar.clear()
        async with stranger.get("/login") as answer:
            csrf = token(await answer.text())


def test_signs_in_no_order_will_do_beside_a_second_factor_and_words_of_every_list_will_not():
    for good in ("zq8#Lm2p", "gT9$wmXq", "pX4!vbRt"):
        assert fault("vera", good, second_factor=True) is None, good
    for bad in ("password1", "monkey12", "summer2026", "dragon!!", "qwer1234"):
        assert "attacker" in (fault("vera", bad, second_factor=True) or ""), bad


async def test_a_deep_link_and_what_was_typed_survive_the_first_password_too(site: Site, stranger: TestClient):
    once = await people.add(site.db, "admin", role="admin", must_change=True)
    fields = {"name": "admin", "password": once, "next": "/checks?status=critical"}
    async with stranger.get("/login") as answer:
        fields["csrf"] = token(await answer.text())
    async with stranger.post("/login", data=fields, allow_redirects=False) as answer:
        there = answer.headers["Location"]
        assert there == "/password?next=%2Fchecks%3Fstatus%3Dcritical"
    async with stranger.get(there) as answer:
        csrf = token(await answer.text())
    new = {"csrf": csrf, "next": "/checks?status=critical", "new": "short", "again": "short"}
    async with stranger.post("/password", data=new) as answer:
        assert 'name="next" value="/checks?status=critical"' in await answer.text()
    new |= {"new": "a walk in the park", "again": "a walk in the park"}
    async with stranger.post("/password", data=new, allow_redirects=False) as answer:
        assert answer.headers["Location"] == "/checks?status=critical"

    once = await people.add(site.db, "grace", role="admin", must_change=True)
    stranger.session.cookie_jar.clear()
    async with stranger.get("/login") as answer:
        csrf = token(await answer.text())
    held = json.dumps({"path": "/packages", "fields": [["purl", "pkg:pypi/six"]]})
    fields = {"csrf": csrf, "name": "grace", "password": once, "held": held}
    async with stranger.post("/login", data=fields) as answer:
        page = await answer.text()
        assert "What you typed" in page
    new = {"csrf": token(page), "held": held, "new": "a walk in the wood", "again": "a walk in the wood"}
    async with stranger.post("/password", data=new) as answer:
        page = await answer.text()
    assert "You are signed in again" in page
    assert 'value="pkg:pypi/six"' in page
    async with stranger.post("/password", data={**new, "csrf": "x"}, allow_redirects=False) as answer:
        assert answer.status == 403
