"""SCANDALE's routes over a real socket: shapes and statuses its clients know."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from uuid import uuid4

import aiohttp
import pytest

from pumpkin.evidence import tsp
from pumpkin.store import checks, people
from pumpkin.web.services import Access
from tests.web.conftest import StartWeb, Web, item


async def test_an_item_is_durable_when_the_answer_comes(web: Web) -> None:
    body = item()
    answer = await web.client.post("/items/", json=body, headers=web.writer)
    shown = await answer.json()
    assert answer.status == 200
    assert shown["scan_data"] == body
    assert (shown["id"], shown["seq"]) == (body["meta"]["uuid"], 0)
    assert await checks.size(web.services.db) == 1
    assert (await web.client.get(shown["proof_url"], headers=web.writer)).status in (200, 404)


async def test_both_slash_forms_answer_without_redirection(web: Web) -> None:
    for path in ("/items", "/items/", "/system/stats", "/system/stats/", "/health", "/health/"):
        assert (await web.client.get(path, allow_redirects=False)).status == 200


async def test_the_same_item_again_is_answered_again_and_other_content_is_a_conflict(web: Web) -> None:
    body = await web.stored()
    again = await web.client.post("/items/", json=body, headers=web.writer)
    assert (again.status, (await again.json())["seq"]) == (200, 0)
    other = {**body, "payload": {"raw": "b3RoZXI="}}
    conflict = await web.client.post("/items/", json=other, headers=web.writer)
    assert conflict.status == 409
    assert set(await conflict.json()) == {"detail"}


async def test_an_account_posts_with_basic_and_a_wrong_password_is_401(web: Web) -> None:
    await people.add(web.services.db, "circl", "correct horse battery", role="writer")
    right = aiohttp.BasicAuth("circl", "correct horse battery")
    assert (await web.client.post("/items/", json=item(), auth=right)).status == 200
    assert (await web.client.post("/items/", json=item(), auth=right)).status == 200
    wrong = await web.client.post("/items/", json=item(), auth=aiohttp.BasicAuth("circl", "wrong"))
    assert (wrong.status, await wrong.json()) == (401, {"detail": "Incorrect email or password"})
    assert wrong.headers["WWW-Authenticate"] == "Basic"


async def test_nobody_may_not_post(web: Web) -> None:
    answer = await web.client.post("/items/", json=item())
    assert (answer.status, await answer.json()) == (401, {"detail": "Not authenticated"})
    assert answer.headers["WWW-Authenticate"] == "Basic"


async def test_a_viewer_may_not_post(web: Web) -> None:
    reader = await web.key("checks:read")
    assert (await web.client.post("/items/", json=item(), headers=reader)).status == 403


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"version": "1"}',
        b'{"version": "1", "format": "x", "meta": {"uuid": "no", "ts": 1, "type": "t"}, "payload": {"raw": ""}}',
        b'{"type": "http", "payload": {"text": "native"}}',
        b"[" * 100_000,
    ],
)
async def test_a_bad_body_is_422_with_places(web: Web, data: bytes) -> None:
    answer = await web.client.post("/items/", data=data, headers=web.writer)
    shown = await answer.json()
    assert answer.status == 422
    assert all({"loc", "msg", "type"} <= set(fault) for fault in shown["detail"])


async def test_items_come_in_insertion_order_by_page_and_by_payload(web: Web) -> None:
    bodies = [await web.stored(raw=base64.b64encode(bytes([number])).decode()) for number in range(5)]
    listed = await (await web.client.get("/items/?skip=1&limit=2")).json()
    assert listed == [{"scan_data": body} for body in bodies[1:3]]
    found = await (await web.client.get("/items/", params={"q": bodies[3]["payload"]["raw"]})).json()
    assert found == [{"scan_data": bodies[3]}]
    for bad in ("limit=-1", "limit=x", "limit=1001", "skip=-1", "limit=1e3"):
        assert (await web.client.get(f"/items/?{bad}")).status == 422


async def test_an_item_is_found_by_uuid_and_by_place(web: Web) -> None:
    body = await web.stored()
    for name in (body["meta"]["uuid"], "0"):
        assert await (await web.client.get(f"/items/{name}")).json() == {"scan_data": body}
    for name in (str(uuid4()), "77", "-1", "9" * 29):
        missing = await web.client.get(f"/items/{name}")
        assert (missing.status, await missing.json()) == (404, {"detail": "Item not found"})
    assert (await web.client.get("/items/no-uuid")).status == 422


async def test_a_batch_token_is_served_as_der_checked_and_dated(web: Web) -> None:
    body = await web.stored()
    await web.line.until_stamped(1)
    uuid = body["meta"]["uuid"]
    token = await web.client.get(f"/TimeStampTokens/token/{uuid}")
    assert token.headers["Content-Type"] == "application/vnd.etsi.timestamp-token"
    assert 'rel="evidence"' in token.headers["Link"]
    assert tsp.token_of(await token.read()) == await token.read()
    reply = await (await web.client.get(f"/TimeStampTokens/token/{uuid}?form=reply")).read()
    assert tsp.token_of(reply) == await token.read()
    judged = await (await web.client.get(f"/TimeStampTokens/check/{uuid}")).json()
    assert (judged["validity"], judged["code"], judged["proof"]) == (True, "ok", "batch")
    dated = await (await web.client.get(f"/TimeStampTokens/get_timestamp/{uuid}")).json()
    assert dated["timestamp_utc"].startswith(dated["timestamp"][:19])
    assert dated["timestamp_utc"].endswith("Z")
    shown = await (await web.client.get(f"/TimeStampTokens/{uuid}")).json()
    assert shown["scan_uuid"] == uuid
    stats = await (await web.client.get("/system/stats/")).json()
    assert stats == {"dbsize": {"scans": 1, "tst": 1}}


@pytest.mark.parametrize("form", ["python", "python turned round", "json", "raw"])
async def test_a_token_comes_in_by_each_form_and_is_verified(web: Web, form: str) -> None:
    body = await web.stored()
    uuid = body["meta"]["uuid"]
    response = _stamped(web, body)
    token = tsp.token_of(response)
    path, data = "/TimeStampTokens/", b""
    if form == "python":
        data = str({"tst": token, "scan_uuid": uuid}).encode()
    elif form == "python turned round":
        data = str({"scan_uuid": uuid, "tst": token}).encode()
    elif form == "json":
        data = b'{"tst": "%b", "scan_uuid": "%b"}' % (base64.b64encode(token), uuid.encode())
    else:
        path, data = f"/TimeStampTokens/?scan_uuid={uuid}", response
    answer = await web.client.post(path, data=data, headers=web.writer)
    assert answer.status == 200, await answer.text()
    assert (await answer.json())["scan_uuid"] == uuid
    judged = await (await web.client.get(f"/TimeStampTokens/check/{uuid}")).json()
    assert (judged["validity"], judged["proof"]) == (True, "direct")
    assert await (await web.client.get(f"/TimeStampTokens/token/{uuid}")).read() == token
    assert [one["scan_uuid"] for one in await (await web.client.get("/TimeStampTokens/")).json()] == [uuid]
    assert (await web.client.post(path, data=data, headers=web.writer)).status == 409


async def test_a_token_over_something_else_is_refused_and_not_kept(web: Web) -> None:
    first, second = await web.stored(), await web.stored(raw="b3RoZXI=")
    data = str({"tst": tsp.token_of(_stamped(web, first)), "scan_uuid": second["meta"]["uuid"]}).encode()
    answer = await web.client.post("/TimeStampTokens/", data=data, headers=web.writer)
    assert answer.status == 422
    assert "imprint" in (await answer.json())["detail"]
    assert await (await web.client.get("/TimeStampTokens/")).json() == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{'tst': __import__('os').system('true'), 'scan_uuid': '0'}",
        b"{'tst': b'x', 'scan_uuid': '0', 'more': 1}",
        b"{'tst': b'x'}",
        b"(" * 60_000,
        b"{'tst': b'" + b"\\" * 5_001 + b"', 'scan_uuid': '8d4bb3e2-6f5c-4c92-9b83-0f1c8a5d7e21'}",
        b'{"tst": 1, "scan_uuid": 2}',
        b'{"tst": "\xc3\xa9", "scan_uuid": "8d4bb3e2-6f5c-4c92-9b83-0f1c8a5d7e21"}',
    ],
)
async def test_what_is_no_token_body_is_422(web: Web, data: bytes) -> None:
    assert (await web.client.post("/TimeStampTokens/", data=data, headers=web.writer)).status == 422


async def test_past_64_kib_is_413(web: Web) -> None:
    answer = await web.client.post("/TimeStampTokens/", data=b"x" * 65_537, headers=web.writer)
    assert answer.status == 413


async def test_tokens_of_unknown_checks_are_404_and_of_no_uuid_422(web: Web) -> None:
    for kind in ("", "token/", "check/", "get_timestamp/"):
        missing = await web.client.get(f"/TimeStampTokens/{kind}{uuid4()}")
        assert (missing.status, await missing.json()) == (404, {"detail": "TimeStampToken not found"})
        assert (await web.client.get(f"/TimeStampTokens/{kind}xyz")).status == 422


async def test_reading_from_elsewhere_needs_a_key(start_web: StartWeb) -> None:
    web = await start_web()
    for name in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80"):
        assert (await web.client.get("/items/", headers={"Host": name})).status == 401
    assert (await web.client.get("/items/", headers={"X-API-Key": "pk_wrong"})).status == 401
    assert (await web.client.get("/items/", headers={"X-Forwarded-For": "198.51.100.7"})).status == 401
    assert (await web.client.get("/items/", headers=web.writer)).status == 200
    for name in ("localhost", "LOCALHOST:8000", "[::1]:8000", "127.0.0.1"):
        assert (await web.client.get("/items/", headers={"Host": name})).status == 200


async def test_reading_can_be_closed_and_opened_by_settings(start_web: StartWeb) -> None:
    closed = await start_web(access=Access(open_reading=False))
    assert (await closed.client.get("/items/")).status == 401


async def test_512_posts_at_once_are_all_stored(web: Web) -> None:
    bodies = [item() for _ in range(512)]

    async def post(body: object) -> int:
        async with web.client.post("/items/", json=body, headers=web.writer) as answer:
            return answer.status

    assert set(await asyncio.gather(*map(post, bodies))) == {200}
    assert await checks.size(web.services.db) == 512


def _stamped(web: Web, body: dict[str, dict[str, str]]) -> bytes:
    query = tsp.make_query(hashlib.sha256(body["payload"]["raw"].encode()).digest())
    return web.line.tsa.authority.respond(query)


async def test_a_list_of_large_results_comes_in_pieces_and_whole(web: Web) -> None:
    bodies = [await web.stored(raw=base64.b64encode(bytes([number]) * 3_000_000).decode()) for number in range(6)]
    async with web.client.get("/items/?skip=1&limit=4") as answer:
        assert "Content-Length" not in answer.headers
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert [one["scan_data"] for one in await answer.json()] == bodies[1:5]
    async with web.client.head("/items/") as answer:
        assert (answer.status, await answer.read()) == (200, b"")
    assert await checks.portions(web.services.db, 1, 4, 8 * 2**20) == [(1, 2), (3, 2)]
    assert await checks.portions(web.services.db, 0, 9, 2**20) == [(number, 1) for number in range(6)]


async def test_the_same_uuid_with_another_version_or_further_keys_is_other_content(web: Web) -> None:
    body = await web.stored()
    assert (await web.client.post("/items/", json=body, headers=web.writer)).status == 200
    for other in ({**body, "version": "2"}, {**body, "meta": {**body["meta"], "site": "b"}}, {**body, "further": 1}):
        assert (await web.client.post("/items/", json=other, headers=web.writer)).status == 409
    listed = await (await web.client.get(f"/items/{body['meta']['uuid']}")).json()
    assert listed == {"scan_data": body}
