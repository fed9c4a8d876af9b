"""What stands on every route, pages, API, static files and refusals alike: headers, cookies' flags, a limit."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestClient, TestServer

from pumpkin.store import keys, sessions
from pumpkin.store.database import Database
from pumpkin.web.edge import CHECKS
from pumpkin.web.guard import SESSION_COOKIE
from pumpkin.web.services import Access
from tests.web.conftest import StartWeb
from tests.web.pages.site import PASSWORDS, Site

ELSEWHERE = {"Host": "pumpkin.example"}
PROXY = (ip_network("127.0.0.0/8"),)
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "pumpkin",
}
STREAMS = re.compile(r"/(events|pubsub)/?\Z")


def routes(app: web.Application) -> Iterator[tuple[str, str]]:
    """Method and address of every route there is, its variables filled."""
    for route in app.router.routes():
        found = route.resource.canonical if route.resource is not None else ""
        path = re.sub(r"\{\w+\}", "8d4bb3e2-6f5c-4c92-9b83-0f1c8a5d7e21", found)
        if path and route.method not in ("*", "HEAD"):
            yield route.method, f"{path}style.css" if path == "/static/" else path
            if path == "/static":
                yield "GET", "/static/style.css"


Visit = Callable[..., Awaitable[tuple[TestClient[Any, Any], Site]]]


@pytest.fixture
async def visit(database: Database) -> AsyncIterator[Visit]:
    """A client of a site whose access is as the keywords say."""
    clients: list[TestClient[Any, Any]] = []

    async def start(**access: Any) -> tuple[TestClient[Any, Any], Site]:
        site = Site(database, access=Access(**access))
        await site.people()
        clients.append(TestClient(TestServer(site.app)))
        await clients[-1].start_server()
        return clients[-1], site

    yield start
    for one in clients:
        await one.close()


def safe(headers: Mapping[str, str]) -> bool:
    policy = headers.get("Content-Security-Policy", "")
    return (
        all(headers.get(name) == value for name, value in SAFE.items())
        and "frame-ancestors 'none'" in policy
        and "default-src 'none'" in policy
        and "unsafe" not in policy
        and bool(headers.get("X-Request-ID"))
        and bool(headers.get("Cache-Control"))
    )


async def test_every_route_answers_strangers_and_people_with_the_headers_that_keep_browsers_safe(
    visit: Visit, database: Database
) -> None:
    client, site = await visit(public_rate=1e6, public_burst=100_000)
    token = await sessions.open(database, "ada", seconds=60)
    person = {"Cookie": f"{SESSION_COOKIE}={token}"}
    seen, without = 0, []
    for method, path in sorted(set(routes(site.app))):
        for asker in (ELSEWHERE, person) if method == "GET" and not STREAMS.search(path) else (ELSEWHERE,):
            async with client.request(method, path, headers=asker, allow_redirects=False) as answer:
                seen += 1
                if not safe(answer.headers) and answer.status != 101:
                    without.append((method, path, answer.status))
                assert answer.status != 500, (method, path)
                assert "Strict-Transport-Security" not in answer.headers
    for path in ("/nothing", "/static/nothing", "/api/v1/nothing", "/items/a/b/c", "/static/../../etc/passwd"):
        async with client.get(path) as answer:
            assert safe(answer.headers), path
    assert without == []
    assert seen > 250


async def test_where_https_is_spoken_browsers_are_held_to_it_and_cookies_keep_to_it(visit: Visit) -> None:
    client, _ = await visit(trusted=PROXY)
    for https in (True, False):
        headers = {**ELSEWHERE, "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https" if https else "http"}
        for path in ("/login", "/health", "/static/style.css", "/nothing", "/api/v1/checks"):
            async with client.get(path, headers=headers) as answer:
                assert ("Strict-Transport-Security" in answer.headers) is https, path
        async with client.get("/login", headers=headers) as answer:
            form = re.search(r'name="csrf" value="([^"]+)"', await answer.text())
            given = answer.headers.getall("Set-Cookie")
        assert form is not None
        fields = {"name": "ada", "password": PASSWORDS["ada"], "csrf": form[1]}
        cookie = {"Cookie": given[0].partition(";")[0]}
        async with client.post("/login", data=fields, headers={**headers, **cookie}, allow_redirects=False) as answer:
            assert answer.status == 303
            given += [one for one in answer.headers.getall("Set-Cookie") if "Max-Age=0" not in one]
        client.session.cookie_jar.clear()
        assert len(given) == 2
        for one in given:
            flags = {flag.strip().casefold() for flag in one.split(";")[1:]}
            assert {"httponly", "samesite=lax"} <= flags
            assert ("secure" in flags) is https
            assert not any(flag.startswith("domain") for flag in flags)


async def test_a_proxy_nobody_trusts_does_not_say_how_a_client_came(visit: Visit) -> None:
    client, _ = await visit()
    async with client.get("/login", headers={"X-Forwarded-Proto": "https"}) as answer:
        assert "Strict-Transport-Security" not in answer.headers
        assert "Secure" not in answer.headers["Set-Cookie"]


@pytest.mark.parametrize("known", [False, True], ids=["a stranger", "a key"])
async def test_no_route_is_without_a_limit(visit: Visit, database: Database, known: bool) -> None:
    client, site = await visit(public_rate=1e-6, public_burst=1, rate=1e-6, burst=1)
    asker = dict(ELSEWHERE)
    if known:
        _, text = await keys.create(database, name="all", scopes=["admin"])
        asker["Authorization"] = f"Bearer {text}"
    async with client.get("/health", headers=asker) as answer:
        assert answer.status == 200
    open_ = []
    for method, path in sorted(set(routes(site.app))):
        async with client.request(method, path, headers=asker, allow_redirects=False) as answer:
            if answer.status != 429:
                open_.append((method, path))
            else:
                assert int(answer.headers["Retry-After"]) > 0
                assert safe(answer.headers)
    assert [one for one in open_ if not (known and one[0] == "POST" and one[1].startswith(CHECKS))] == []
    assert bool(open_) is known  # checks are held by back-pressure, not by a rate (docs/api.md)


async def test_one_asker_holds_only_so_many_connections_open(start_web: StartWeb) -> None:
    web = await start_web(access=Access(streams=2, public_streams=1))
    paths = ("/api/v1/events", "/api/v1/events?pace=page")
    held = [await web.client.ws_connect(path, headers=web.writer) for path in paths]
    async with web.client.get("/api/v1/events", headers=web.writer) as answer:
        assert (answer.status, (await answer.json())["code"]) == (429, "rate_limited")
        assert int(answer.headers["Retry-After"]) > 0
    other = await web.key("checks:read")
    async with web.client.ws_connect("/api/v1/events", headers=other) as socket:
        assert not socket.closed
    async with web.client.ws_connect("/pubsub", headers=web.writer) as socket:
        message = await socket.receive(timeout=5)
        assert (message.type, message.data) == (WSMsgType.CLOSE, 1013)
    for one in held:
        await one.close()
    async with web.client.ws_connect("/api/v1/events", headers=web.writer) as socket:
        assert not socket.closed


async def test_refused_websockets_say_why_and_in_which_shape(start_web: StartWeb) -> None:
    web = await start_web()
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    upgrade |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    async with web.client.get("/api/v1/events", headers={**ELSEWHERE, **upgrade}) as answer:
        assert (answer.status, (await answer.json())["code"]) == (401, "api_key_required")
        assert safe(answer.headers)
    person = {**web.writer, "Origin": "http://evil.example"}
    async with web.client.ws_connect("/pubsub", headers={**ELSEWHERE, "Origin": "http://evil.example"}) as socket:
        message = await socket.receive(timeout=5)
        assert (message.type, message.data) == (WSMsgType.CLOSE, 1008)
    async with web.client.get("/api/v1/events", headers={**person, **upgrade}) as answer:
        assert answer.status == 101  # a key is sent by no browser on its own
