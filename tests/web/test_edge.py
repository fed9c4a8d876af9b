"""The edge: request ids, typed errors, headers, sessions with their forgery check, limits; nothing leaks."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request

from pumpkin.errors import Backpressure, PumpkinError, Unavailable
from pumpkin.store import keys, people, sessions
from pumpkin.store.database import connect
from pumpkin.web.auth import Authenticator
from pumpkin.web.guard import CSRF_HEADER, SESSION_COOKIE
from pumpkin.web.limits import Gcra
from pumpkin.web.routes import ROUTES
from tests.web.conftest import StartWeb, Web, item


@pytest.mark.parametrize("given", ["abc-1", "A.b_c:9", "x" * 128])
async def test_a_plain_request_id_is_given_back(web: Web, given: str) -> None:
    async with web.client.get("/api/v1/checks", headers={"X-Request-ID": given}) as answer:
        assert answer.headers["X-Request-ID"] == (await answer.json())["request_id"] == given


@pytest.mark.parametrize("given", ["x" * 129, "a b", "<script>", "-a", ""])
async def test_any_other_request_id_is_replaced(web: Web, given: str) -> None:
    async with web.client.get("/api/v1/checks", headers={"X-Request-ID": given}) as answer:
        assert answer.headers["X-Request-ID"] != given
        assert answer.headers["X-Request-ID"].isalnum()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/checks?agent=%00", 400), ("/api/v1/checks?label.a=x%00", 400), ("/api/v1/agents?duty=a%00b", 400),
        ("/api/v1/agents?sate=approved", 400), ("/api/v1/jobs?standing=perhaps", 400), ("/api/v1/jobs?%00=1", 400),
        ("/api/v1/audit?who=%00", 400), ("/api/v1/sessions?all=maybe", 400), ("/items/?q=%00", 422),
        ("/api/v1/events?topics=%00", 400), ("/api/v1/log/inclusion?id=%00", 400),
        ("/api/v1/agents?state=approved&duty=&tag=%C3%A9", 200), ("/api/v1/jobs?standing=true", 200),
    ],
)  # fmt: skip
async def test_a_filter_that_can_fit_nothing_is_refused_and_not_answered_with_nothing(
    web: Web, path: str, status: int
) -> None:
    async with web.client.get(path, headers=await web.key("admin")) as answer:
        found = await answer.json()
    assert answer.status == status, found
    if status == 400 and path.startswith("/api/"):
        assert (found["code"], bool(found["fields"])) == ("invalid_request", True)


async def test_an_unknown_address_answers_in_its_dialect(web: Web) -> None:
    async with web.client.get("/api/v1/nothing") as answer:
        assert (answer.status, (await answer.json())["code"]) == (404, "not_found")
    async with web.client.get("/items/1/2/3") as answer:
        assert (answer.status, list(await answer.json())) == (404, ["detail"])


async def test_another_method_is_405_and_names_those_taken(web: Web) -> None:
    async with web.client.delete("/api/v1/checks", headers=web.writer) as answer:
        assert (answer.status, (await answer.json())["code"]) == (405, "method_not_allowed")
        assert answer.headers["Allow"] == "GET, HEAD, POST"
    async with web.client.put("/items/", headers=web.writer) as answer:
        assert (answer.status, list(await answer.json())) == (405, ["detail"])


async def test_every_answer_carries_the_headers_that_keep_browsers_safe(web: Web) -> None:
    for path in ("/health", "/api/v1/checks", "/items/", "/docs", "/nothing"):
        async with web.client.get(path) as answer:
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
            assert "unsafe" not in answer.headers["Content-Security-Policy"]
            assert answer.headers["Server"] == "pumpkin"


async def test_what_breaks_inside_is_a_500_that_tells_nothing(start_web: StartWeb, capsys: Any) -> None:
    async def broken(_: Any) -> Any:
        raise RuntimeError("password of the database: hunter2")

    web = await start_web(receive=broken)
    for path in ("/items/", "/api/v1/checks"):
        async with web.client.post(path, json=item(), headers=web.writer) as answer:
            text = await answer.text()
            assert answer.status == 500
            assert "hunter2" not in text
            assert "Runtime" not in text
            assert answer.headers["X-Request-ID"]


async def test_back_pressure_says_when_to_come_back(start_web: StartWeb) -> None:
    async def full(_: Any) -> Any:
        raise Backpressure

    async def all_full(observations: list[Any]) -> list[PumpkinError]:
        return [Backpressure() for _ in observations]

    web = await start_web(receive=full, receive_many=all_full)
    ndjson = {**web.writer, "Content-Type": "application/x-ndjson"}
    for path, headers in (("/items/", web.writer), ("/api/v1/checks", web.writer), ("/api/v1/checks", ndjson)):
        async with web.client.post(path, json=item(), headers=headers) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")


async def test_a_revoked_key_ends_when_it_is_forgotten_here_and_within_seconds_elsewhere(web: Web) -> None:
    from pumpkin.web.edge import AUTHENTICATOR

    headers = await web.key("checks:read")
    async with web.client.get("/api/v1/checks", headers=headers) as answer:
        assert answer.status == 200
    key = next(key for key in await keys.listed(web.services.db) if key.name == "test")
    await keys.revoke(web.services.db, key.id)
    assert web.client.app is not None
    web.client.app[AUTHENTICATOR].forget()
    async with web.client.get("/api/v1/checks", headers=headers) as answer:
        assert answer.status == 401


async def test_a_session_reads_and_changes_only_with_its_token(web: Web) -> None:
    await people.add(web.services.db, "ada", "a long password", role="admin")
    token = await sessions.open(web.services.db, "ada", seconds=60)
    session = await sessions.get(web.services.db, token)
    assert session is not None
    cookie = {"Cookie": f"{SESSION_COOKIE}={token}"}
    async with web.client.get("/api/v1/checks", headers=cookie) as answer:
        assert answer.status == 200
    async with web.client.post("/items/", json=item(), headers=cookie) as answer:
        assert answer.status == 403
    with_token = {**cookie, CSRF_HEADER: session.csrf}
    async with web.client.post("/items/", json=item(), headers=with_token) as answer:
        assert answer.status == 200
    async with web.client.post(
        "/items/", json=item(), headers={**with_token, "Origin": "http://evil.example"}
    ) as answer:
        assert answer.status == 403
    await sessions.close(web.services.db, token)
    async with web.client.get("/api/v1/checks", headers=cookie) as answer:
        assert answer.status == 401


async def test_another_site_cannot_use_a_browsers_remembered_basic(web: Web) -> None:
    await people.add(web.services.db, "ada", "a long password", role="writer")
    auth = aiohttp.BasicAuth("ada", "a long password")
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        async with web.client.post("/items/", json=item(), auth=auth, headers=headers) as answer:
            assert answer.status == 403


async def test_a_one_time_password_opens_nothing(web: Web) -> None:
    await people.add(web.services.db, "new", "one time only", role="admin", must_change=True)
    async with web.client.post("/items/", json=item(), auth=aiohttp.BasicAuth("new", "one time only")) as answer:
        assert answer.status == 403


async def test_many_wrong_keys_of_one_address_are_slowed_down(web: Web) -> None:
    statuses = Counter[int]()
    for number in range(25):
        async with web.client.get("/api/v1/checks", headers={"X-API-Key": f"pk_{number}"}) as answer:
            statuses[answer.status] += 1
    assert statuses == {401: 20, 429: 5}
    async with web.client.get("/items/", headers={"Host": "elsewhere.example", "X-API-Key": "pk_x"}) as answer:
        assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    "value", ["Bearer", "Bearer ", "Basic", "Basic %%%", "Basic YQ==", "Digest x", "Bearer " + "x" * 2_000, "\udcff"]
)
async def test_odd_credentials_are_401(web: Web, value: str) -> None:
    headers = {"Authorization": value} if value.isascii() else {"Authorization": "Bearer é"}
    async with web.client.get("/api/v1/checks", headers=headers) as answer:
        assert answer.status == 401


async def test_strangers_from_elsewhere_are_limited_by_address(start_web: StartWeb) -> None:
    from pumpkin.web.services import Access

    web = await start_web(access=Access(public_rate=1, public_burst=3))
    elsewhere = {"Host": "pumpkin.example"}
    statuses = []
    for _ in range(5):
        async with web.client.get("/health", headers=elsewhere) as answer:
            statuses.append(answer.status)
    assert statuses == [200, 200, 200, 429, 429]
    async with web.client.get("/health") as answer:
        assert answer.status == 200


def test_a_cell_rate_lets_a_burst_pass_and_then_the_rate() -> None:
    now = [0.0]
    limiter = Gcra(2.0, 4, keys=2, clock=lambda: now[0])
    assert [limiter.take("a") > 0 for _ in range(6)] == [False] * 4 + [True] * 2
    now[0] = 0.5
    assert [limiter.take("a") > 0 for _ in range(2)] == [False, True]
    assert limiter.would_wait("b") == 0.0
    for name in "bcd":
        limiter.take(name)
    assert limiter.take("a") == 0.0


async def test_no_route_is_open_that_should_not_be(start_web: StartWeb) -> None:
    web = await start_web()
    elsewhere = {"Host": "pumpkin.example"}
    for route in ROUTES:
        if not route.needs or route.path == "/pubsub":
            continue
        path = re.sub(r"\{\w+\}", "8d4bb3e2-6f5c-4c92-9b83-0f1c8a5d7e21", route.path)
        async with web.client.request(route.method, path, headers=elsewhere) as answer:
            assert answer.status == 401, route


async def test_time_stamps_are_given_and_other_bodies_refused(web: Web) -> None:
    from pumpkin.evidence import tsp

    query = tsp.make_query(b"\1" * 32)
    typed = {"Content-Type": "application/timestamp-query"}
    async with web.client.post("/tsa", data=query, headers=typed) as answer:
        assert answer.headers["Content-Type"] == "application/timestamp-reply"
        verdict = tsp.verify(
            await answer.read(), query=query, roots=[web.line.tsa.authority.root_pem], digest=b"\1" * 32
        )
    assert verdict.ok, verdict
    async with web.client.post("/tsa", data=b"junk", headers=typed) as answer:
        assert answer.status == 200
    async with web.client.post("/tsa", data=query) as answer:
        assert answer.status == 415
    async with web.client.post("/tsa", data=b"x" * 65_537, headers=typed) as answer:
        assert answer.status == 413


async def test_ready_names_what_is_missing_and_metrics_count(start_web: StartWeb) -> None:
    web = await start_web(
        ready=lambda: {"gateway": "stopped"}, metrics=lambda: {"pumpkin_log_size": 7.0, "pumpkin_x_total": 2.0}
    )
    async with web.client.get("/ready") as answer:
        assert (answer.status, (await answer.json())["missing"]) == (503, ["gateway"])
    async with web.client.get("/metrics", headers=await web.key("metrics")) as answer:
        text = await answer.text()
    assert "pumpkin_log_size 7.0" in text
    assert "# TYPE pumpkin_x_total counter\npumpkin_x_total 2.0\n" in text
    assert 'pumpkin_http_request_seconds_bucket{dialect="api",le="+Inf"} 1.0' in text
    assert 'pumpkin_http_request_seconds_count{dialect="api"} 1.0' in text
    assert "pumpkin_last_backup_timestamp_seconds 0.0" in text
    assert 'pumpkin_http_responses_total{dialect="api",status="503"} 1.0' in text


async def test_a_scrape_says_that_the_database_hangs_and_does_not_hang_with_it(web: Web, dsn: str) -> None:
    """As when its disk stalls: it takes connections and answers nothing."""
    headers = await web.key("metrics")
    async with web.client.get("/metrics", headers=headers) as answer:
        assert "pumpkin_database_up 1.0" in await answer.text()
    stranger = {"Authorization": headers["Authorization"][:-1] + ("0" if headers["Authorization"][-1] != "0" else "1")}
    now = [0.0]
    doorman = Authenticator(web.services.db, clock=lambda: now[0])
    scraper = make_mocked_request("GET", "/metrics", headers)
    assert (await doorman.identify(scraper)).kind == "key"
    other = await connect(dsn)
    try:
        async with other.transaction(), asyncio.timeout(20):
            await other.execute("lock table log_head, keys in access exclusive mode")
            async with web.client.get("/metrics", headers=headers) as answer:
                assert (answer.status, "pumpkin_database_up 0.0" in await answer.text()) == (200, True)
            async with web.client.get("/metrics", headers=stranger) as answer:
                assert answer.status == 503
            now[0] = 60.0
            assert doorman.known(scraper) is None
            assert (await doorman.known_lately(scraper, 0.2)).scopes == {"metrics"}
            now[0] = 3_600.0
            with pytest.raises(Unavailable):
                await doorman.known_lately(scraper, 0.2)
    finally:
        await other.close()


async def test_a_body_that_drips_does_not_hold_others_up(web: Web) -> None:
    async def dripping() -> Any:
        yield b'{"type": "a", '
        await asyncio.sleep(0.3)
        yield b'"payload": {"text": "x"}}'

    slow = asyncio.create_task(web.client.post("/api/v1/checks", data=dripping(), headers=web.writer).__aenter__())
    async with web.client.get("/health") as answer:
        assert answer.status == 200
    assert (await slow).status == 201
