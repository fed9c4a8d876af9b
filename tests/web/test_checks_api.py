"""`/api/v1/checks` over a real socket: one, many, lists, proofs and bundles."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from typing import Any
from uuid import uuid4

import pytest

from pumpkin.evidence import merkle
from pumpkin.evidence.checkpoint import parse_note
from tests.web.conftest import StartWeb, Web, item

NDJSON = {"Content-Type": "application/x-ndjson"}


def native(**changes: Any) -> dict[str, Any]:
    """A check in our own shape."""
    body = {"id": str(uuid4()), "type": "http", "target": "host.example", "payload": {"text": "HTTP/1.1 200 OK"}}
    return {**body, **changes}


async def post(web: Web, body: Any) -> tuple[int, dict[str, Any]]:
    data = io.BytesIO(json.dumps(body).encode())
    async with web.client.post("/api/v1/checks", data=data, headers=web.writer) as answer:
        return answer.status, await answer.json()


async def test_a_new_check_is_201_the_same_200_and_another_409(web: Web) -> None:
    body = native()
    status, shown = await post(web, body)
    assert (status, shown["success"]) == (201, True)
    assert shown["data"] == {
        "id": body["id"],
        "seq": 0,
        "state": "stored",
        "url": f"/api/v1/checks/{body['id']}",
        "proof_url": f"/api/v1/checks/{body['id']}/proof",
    }
    observed = {**body, "observed": "2026-11-21T02:47:44Z"}
    status, shown = await post(web, {**observed, "id": (other := str(uuid4()))})
    assert status == 201
    assert (await post(web, {**observed, "id": other}))[0] == 200
    status, shown = await post(web, {**observed, "id": other, "payload": {"text": "changed"}})
    assert (status, shown["code"], shown["success"]) == (409, "check_conflict", False)


async def test_a_scandale_shaped_check_is_taken_too(web: Web) -> None:
    assert (await post(web, item()))[0] == 201


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b"[1]", "invalid_json"),
        (b'{"type": "a", "type": "b"}', "invalid_json"),
        (b'{"type": NaN}', "invalid_json"),
        (b"\xff", "invalid_json"),
        (b'{"type": "a"}', "invalid_check"),
        (b'{"type": "a", "payload": {"text": "x", "base64": "eA=="}}', "invalid_check"),
        (b'{"type": "a", "payload": {"text": "x"}, "surprise": 1}', "invalid_check"),
        (b'{"type": "a", "id": "7", "payload": {"text": "x"}}', "invalid_check"),
    ],
)
async def test_a_bad_check_is_400_with_a_stable_code(web: Web, data: bytes, code: str) -> None:
    async with web.client.post("/api/v1/checks", data=data, headers=web.writer) as answer:
        shown = await answer.json()
    assert (answer.status, shown["code"]) == (400, code)
    assert set(shown) - {"fields"} == {"success", "error", "message", "code", "request_id"}


async def test_each_line_of_a_batch_stands_on_its_own(web: Web) -> None:
    first, second = native(observed=1763690864), native(observed=1763690864)
    lines = [first, second, first, {"type": "x"}, {**second, "payload": {"text": "changed"}}]
    data = "\n".join(json.dumps(line) for line in lines).encode() + b"\n\nnot json\n"
    async with web.client.post("/api/v1/checks", data=data, headers={**web.writer, **NDJSON}) as answer:
        shown = (await answer.json())["data"]
    assert (answer.status, shown["accepted"], shown["known"]) == (200, 2, 1)
    told = [(one["line"], one["code"]) for one in shown["refused"]]
    assert told == [(4, "invalid_check"), (5, "check_conflict"), (7, "invalid_json")]


async def test_a_thousand_lines_pass_and_one_more_is_413(web: Web) -> None:
    lines = [json.dumps(native()).encode() for _ in range(1_001)]
    headers = {**web.writer, **NDJSON}
    async with web.client.post("/api/v1/checks", data=b"\n".join(lines), headers=headers) as answer:
        assert (answer.status, (await answer.json())["code"]) == (413, "payload_too_large")
    async with web.client.post("/api/v1/checks", data=b"\n".join(lines[:1_000]), headers=headers) as answer:
        assert (await answer.json())["data"] == {"accepted": 1_000, "known": 0, "refused": []}


async def test_ten_mib_of_payload_pass_and_more_is_413(web: Web) -> None:
    raw = base64.b64encode(b"x" * (10 * 1024 * 1024)).decode()
    assert (await post(web, native(payload={"base64": raw})))[0] == 201
    raw = base64.b64encode(b"x" * (10 * 1024 * 1024 + 1)).decode()
    assert (await post(web, native(payload={"base64": raw})))[0] == 413
    too_long = io.BytesIO(b" " * (16 * 1024 * 1024 + 1))
    async with web.client.post("/api/v1/checks", data=too_long, headers=web.writer) as answer:
        assert answer.status == 413


async def test_a_list_is_filtered_and_paged_newest_first(web: Web) -> None:
    for number in range(6):
        await post(web, native(type="even" if number % 2 == 0 else "odd", labels={"n": str(number)}))
    get = web.client.get
    async with get("/api/v1/checks?type=even&limit=2", headers=web.writer) as answer:
        page = (await answer.json())["data"]
    assert [one["seq"] for one in page["items"]] == [4, 2]
    async with get(f"/api/v1/checks?type=even&limit=2&cursor={page['next']}", headers=web.writer) as answer:
        assert [one["seq"] for one in (await answer.json())["data"]["items"]] == [0]
    async with get("/api/v1/checks?label.n=3", headers=web.writer) as answer:
        assert [one["seq"] for one in (await answer.json())["data"]["items"]] == [3]
    for bad in ("limit=0", "status=fine", "since=yesterday", "cursor=x", "surprise=1", "type=%00", "limit=١"):
        async with get(f"/api/v1/checks?{bad}", headers=web.writer) as answer:
            assert (answer.status, (await answer.json())["code"]) == (400, "invalid_request"), bad


async def test_a_check_is_shown_with_its_record_and_how_far_it_is_proven(web: Web) -> None:
    body = native()
    await post(web, body)
    await web.line.until_stamped(1)
    url = f"/api/v1/checks/{body['id']}"
    async with web.client.get(url, headers=web.writer) as answer:
        shown = (await answer.json())["data"]
    assert (shown["state"], shown["payload"]["text"]) == ("stamped", "HTTP/1.1 200 OK")
    assert json.loads(shown["record"])["id"] == body["id"]
    assert shown["stamps"][0]["self_asserted"] is True
    async with web.client.get(f"{url}/payload", headers=web.writer) as answer:
        assert await answer.read() == b"HTTP/1.1 200 OK"
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["Content-Type"] == "application/octet-stream"
    async with web.client.get(f"{url}/proof", headers=web.writer) as answer:
        proof = (await answer.json())["data"]
    head = parse_note(proof["checkpoint"])
    leaf, path = bytes.fromhex(proof["leaf_hash"]), [bytes.fromhex(one) for one in proof["path"]]
    assert merkle.verify_inclusion(leaf, proof["index"], head.size, path, head.root)
    for bundle in (f"{url}/bundle", f"/api/v1/bundle?ids={body['id']}", "/api/v1/bundle?since=0"):
        async with web.client.get(bundle, headers=web.writer) as answer:
            assert answer.status == 200, await answer.text()
            assert "manifest.json" in zipfile.ZipFile(io.BytesIO(await answer.read())).namelist()


async def test_what_is_not_there_is_404(web: Web) -> None:
    for name in (str(uuid4()), "x", "%00", "..%2F.."):
        for part in ("", "/payload", "/proof", "/bundle"):
            async with web.client.get(f"/api/v1/checks/{name}{part}", headers=web.writer) as answer:
                assert (answer.status, (await answer.json())["code"]) == (404, "not_found")


async def test_reading_needs_a_key_with_the_scope_also_on_loopback(web: Web) -> None:
    async with web.client.get("/api/v1/checks") as answer:
        shown = await answer.json()
    assert (answer.status, shown["code"], shown["error"]) == (401, "api_key_required", "API key required")
    async with web.client.get("/api/v1/checks", headers={"X-API-Key": "pk_nothing"}) as answer:
        assert (answer.status, (await answer.json())["code"]) == (401, "invalid_api_key")
    async with web.client.get("/api/v1/checks", headers=await web.key("metrics")) as answer:
        assert (answer.status, (await answer.json())["code"]) == (403, "forbidden")
    async with web.client.get("/api/v1/checks", headers=await web.key("checks:*")) as answer:
        assert answer.status == 200


async def test_authorities_and_the_log_key_are_told(start_web: StartWeb) -> None:
    web = await start_web()
    async with web.client.get("/api/v1/authorities", headers=web.writer) as answer:
        assert (await answer.json())["data"]["items"] == [{"name": "local", "self_asserted": True}]
    async with web.client.get("/api/v1/log/key") as answer:
        assert (await answer.json())["data"] == {"key": web.line.key.vkey, "origin": "log.example"}


async def test_a_bundle_of_more_than_it_may_hold_is_refused_before_it_is_made(web: Web) -> None:
    ids = [(await web.stored(raw="A" * 10_000_000))["meta"]["uuid"] for _ in range(7)]
    async with web.client.get("/api/v1/bundle", params={"ids": ",".join(ids)}, headers=web.writer) as answer:
        assert (answer.status, (await answer.json())["code"]) == (400, "invalid_request")


async def test_an_administrator_erases_a_payload_and_the_answer_says_who_did(web: Web) -> None:
    body = await web.stored()
    check = body["meta"]["uuid"]
    await web.line.until_stamped(1)
    async with web.client.post(f"/api/v1/checks/{check}/erase", json={}, headers=web.writer) as answer:
        assert answer.status == 403
    admin = await web.key("admin", "checks:read")
    for given, status in (({"reason": 7}, 400), ({"reason": "asked for"}, 200), ({}, 404)):
        async with web.client.post(f"/api/v1/checks/{check}/erase", json=given, headers=admin) as answer:
            assert answer.status == status, await answer.text()
    async with web.client.get(f"/api/v1/checks/{check}", headers=admin) as answer:
        shown = (await answer.json())["data"]
    assert shown["payload"]["erased"] is True
    assert shown["erased"]["reason"] == "asked for"
    assert shown["erased"]["who"].startswith("key:")
    async with web.client.get(f"/api/v1/checks/{check}/payload", headers=admin) as answer:
        assert answer.status == 404


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[" * 100_000, "it is nested too deeply"),
        (b'{"id": "\xff"}', "it is not UTF-8 at byte 8"),
        (b'{"id": ' + b"9" * 5_000 + b"}", "a number has too many digits"),
        (b'{"type": "a", "format": "b", "payload": "x"}', "payload: is not an object"),
        (b'{"type": "a", "format": "b", "payload": {"text": ""}, "observed": "2026-11-21T00:00:00+25:00"}', "RFC 3339"),
    ],
)
async def test_what_is_wrong_is_said_in_words_about_the_body_alone(web: Web, body: bytes, said: str) -> None:
    async with web.client.post("/api/v1/checks", data=body, headers=web.writer) as answer:
        message = (await answer.json())["message"]
        assert answer.status == 400
        assert said in message
        for inside in ("codec", "recursion", "sys.", "timedelta", "Native"):
            assert inside not in message
