"""Handing packages in: every case of the contract's table, to the letter, and whatever else may come."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from typing import Any

import pytest

from pumpkin.errors import RegistryUnavailable
from pumpkin.model.packages import Release
from pumpkin.model.purl import Purl
from tests.web.analysis.conftest import Analysis, StartAnalysis

PURL = "pkg:pypi/requests@2.32.3"
ROUNDS = int(os.environ.get("PUMPKIN_PACKAGE_ROUNDS", "25"))


async def test_a_new_package_is_queued(analysis: Analysis) -> None:
    body = await analysis.post(PURL, priority=5)
    base = str(analysis.web.client.make_url("")).rstrip("/")
    data = body["data"]
    assert body["success"] is True
    assert body["request_id"]
    assert data["status"] == "queued"
    assert data["queue_position"] == 1
    assert data["status_url"] == f"{base}/api/v1/task/{data['task_id']}/"
    assert data["result_url"] == f"{base}/media/reports/pypi/requests/2.32.3.json"
    assert data["message"] == "Analysis queued at position 1"


async def test_an_equal_package_is_answered_by_the_active_task(analysis: Analysis) -> None:
    analysis.kitchen.hold.clear()
    first = (await analysis.post(PURL))["data"]
    for purl in (PURL, "pkg:PyPI/Requests@2.32.3", "pkg:pypi/requests@2.32.3"):
        data = (await analysis.post(purl, 200))["data"]
        assert data["task_id"] == first["task_id"]
        assert data["message"] == "Analysis already queued"
        assert (data["status"], data["queue_position"]) == ("running", None)
    await analysis.post("pkg:pypi/other@1")
    waiting = (await analysis.post("pkg:pypi/third@1"))["data"]
    again = (await analysis.post("pkg:pypi/third@1", 200))["data"]
    assert (again["task_id"], again["status"], again["queue_position"]) == (waiting["task_id"], "queued", 1)
    assert again["status_url"] == waiting["status_url"]


async def test_a_cached_result_stands_in_data_and_at_the_top(analysis: Analysis) -> None:
    task = await analysis.done(PURL)
    body = await analysis.post(PURL, 200)
    data = body["data"]
    assert {key: body[key] for key in data} == data
    assert data["task_id"] == task["task_id"]
    assert data["status"] == body["status"] == "completed"
    assert data["queue_position"] is None
    assert data["message"] == "Analysis already exists (cached result)"
    assert data["result_url"] == data["download_url"] == task["download_url"]
    metadata = data["report_metadata"]
    assert metadata["filename"] == "2.32.3.json"
    assert metadata["folder_structure"] == "reports/pypi/requests/"
    assert metadata["size_bytes"] > 100
    assert metadata["download_url"] == data["download_url"]
    assert metadata["created_at"].endswith("Z")
    forced = (await analysis.post(PURL, 202, force=True))["data"]
    assert forced["task_id"] != task["task_id"]


async def test_an_idempotency_key_answers_by_its_first_task(analysis: Analysis) -> None:
    key = {"X-Idempotency-Key": "k-1"}
    first = (await analysis.post(PURL, headers=key))["data"]
    await analysis.until(first["task_id"], "completed")
    again = await analysis.post(PURL, 200, headers=key)
    assert again["data"]["task_id"] == first["task_id"]
    assert again["data"]["message"] == "Idempotent replay"
    refused = await analysis.post("pkg:pypi/other@1", 409, headers=key)
    assert refused["code"] == "idempotency_key_reused"
    other = await analysis.key()
    assert (await analysis.post("pkg:pypi/other@1", headers={**key, **other}))["data"]["task_id"] != first["task_id"]
    for bad in ("", "x" * 256):
        assert (await analysis.post(PURL, 400, headers={"X-Idempotency-Key": bad}))["code"] == "invalid_request"


@pytest.mark.parametrize("purl", ["nonsense", "", None, "pkg:golang/x@1", "pkg:pypi/away"])
async def test_a_known_idempotency_key_comes_before_the_purl(analysis: Analysis, purl: str | None) -> None:
    key = {"X-Idempotency-Key": "k-1"}
    await analysis.post(PURL, headers=key)
    assert (await analysis.post(purl, 409, headers=key))["code"] == "idempotency_key_reused"
    assert (await analysis.post(PURL, 409, headers=key, priority=99))["code"] == "idempotency_key_reused"


async def test_a_replay_asks_no_registry(start_analysis: StartAnalysis) -> None:
    asked: list[Purl] = []

    async def once(purl: Purl) -> Release:
        asked.append(purl)
        if len(asked) > 1:
            raise RegistryUnavailable
        return Release(purl.at("3.1"), (), ())

    analysis = await start_analysis(resolve=once)
    key = {"X-Idempotency-Key": "k-1"}
    first = (await analysis.post("pkg:pypi/thing", headers=key))["data"]
    again = (await analysis.post("pkg:pypi/thing", 200, headers=key))["data"]
    assert (again["task_id"], again["message"]) == (first["task_id"], "Idempotent replay")
    assert (await analysis.post("pkg:pypi/thing", 502))["code"] == "registry_unavailable"


async def test_twelve_equal_posts_at_once_make_one_task(start_analysis: StartAnalysis) -> None:
    analysis = await start_analysis(slots=1)
    analysis.kitchen.hold.clear()

    async def one(purl: str, number: int) -> tuple[int, int]:
        headers = await keys[number % 3]
        async with analysis.web.client.post("/api/v1/analyze/", json={"purl": purl}, headers=headers) as answer:
            return answer.status, (await answer.json())["data"]["task_id"]

    keys = [asyncio.ensure_future(analysis.key()) for _ in range(3)]
    for round_ in range(ROUNDS):
        answers = await asyncio.gather(*(one(f"pkg:npm/p{round_}@1.0.0", number) for number in range(12)))
        assert Counter(status for status, _ in answers) == {202: 1, 200: 11}
        assert len({task_id for _, task_id in answers}) == 1


async def test_one_idempotency_key_fifty_times_at_once_makes_one_task(analysis: Analysis) -> None:
    async def one(purl: str) -> tuple[int, int | None]:
        headers = {**analysis.headers, "X-Idempotency-Key": "same"}
        async with analysis.web.client.post("/api/v1/analyze/", json={"purl": purl}, headers=headers) as answer:
            return answer.status, (await answer.json()).get("data", {}).get("task_id")

    answers = await asyncio.gather(*(one(PURL) for _ in range(50)))
    assert Counter(status for status, _ in answers) == {202: 1, 200: 49}
    assert len({task_id for _, task_id in answers}) == 1
    assert await one("pkg:pypi/other@1") == (409, None)


async def test_a_version_that_is_not_given_is_the_latest(analysis: Analysis) -> None:
    data = (await analysis.post("pkg:pypi/thing"))["data"]
    task = await analysis.until(data["task_id"], "completed")
    assert (task["purl"], task["package_version"]) == ("pkg:pypi/thing@3.1", "3.1")
    assert (await analysis.post("pkg:pypi/thing", 200))["status"] == "completed"
    flagged = await analysis.done("pkg:pypi/old")
    assert "did not answer" in flagged["flagged"]
    assert (await analysis.post("pkg:pypi/gone", 404))["code"] == "package_not_found"
    assert (await analysis.post("pkg:pypi/away", 502))["code"] == "registry_unavailable"


async def test_versions_that_are_equal_are_one_package_under_its_published_version(analysis: Analysis) -> None:
    first = await analysis.done("pkg:pypi/Six@1.16")
    assert (first["purl"], first["package_version"]) == ("pkg:pypi/six@1.16.0", "1.16.0")
    for spelling in ("pkg:pypi/six@1.16.0", "pkg:pypi/six@1.16", "pkg:pypi/SIX@v1.16"):
        again = await analysis.post(spelling, 200)
        assert (again["data"]["task_id"], again["status"]) == (first["task_id"], "completed")
    assert (await analysis.done("pkg:pypi/six@1.17"))["package_version"] == "1.17"  # none the registry knows
    assert (await analysis.done("pkg:pypi/silent@2.0"))["package_version"] == "2.0"  # the registry is away
    assert (await analysis.done("pkg:npm/six@1.16"))["package_version"] == "1.16"  # two versions by npm's rules
    for path in ("PyPI/Six/1.16.0", "pypi/six/1.16", "pypi/SIX/1.16.0.0", "pypi/six/v1.16"):
        found = await analysis.get(f"/media/reports/{path}.json")
        assert found["metadata"]["package"]["purl"] == "pkg:pypi/six@1.16.0", path
    for path in ("pypi/six/1.160", "pypi/six/1.16.1", "npm/six/1.16.0"):
        await analysis.get(f"/media/reports/{path}.json", 404)


@pytest.mark.parametrize(
    "url",
    ["https://10.0.0.1/", "https://[::1]/", "https://localhost/hook", "http://example.org/", "https://example.org:8443/",
     "https://[::ffff:169.254.169.254]/"],
)  # fmt: skip
async def test_a_webhook_that_would_never_be_told_is_refused_at_once(analysis: Analysis, url: str) -> None:
    for path, body in (("analyze", {"purl": PURL}), ("analyze/batch", {"purls": [PURL]})):
        given = {**body, "webhook_url": url}
        async with analysis.web.client.post(f"/api/v1/{path}/", json=given, headers=analysis.headers) as answer:
            found = await answer.json()
        assert (answer.status, found["code"]) == (400, "webhook_refused"), path
        assert list(found["fields"]) == ["body.webhook_url"]
    assert analysis.kitchen.seen == {}
    await analysis.post(PURL, webhook_url="https://192.31.196.1/hook")


@pytest.mark.parametrize(
    ("body", "code", "error"),
    [
        ({}, "missing_purl", "Missing PURL"),
        ({"purl": ""}, "missing_purl", "Missing PURL"),
        ({"purl": None}, "missing_purl", "Missing PURL"),
        ({"purl": "requests"}, "invalid_purl", "Invalid PURL format"),
        ({"purl": 7}, "invalid_purl", "Invalid PURL format"),
        ({"purl": "pkg:pypi/"}, "invalid_purl", "Invalid PURL format"),
        ({"purl": "pkg:pypi/a@1..%2F..%2Fetc"}, "invalid_purl", "Invalid PURL format"),
        ({"purl": "pkg:pypi/a;rm -rf@1"}, "invalid_purl", "Invalid PURL format"),
        ({"purl": "pkg:pypi/a\n@1"}, "invalid_purl", "Invalid PURL format"),
        ({"purl": "pkg:pypi/" + "a" * 10_000}, "invalid_purl", "Invalid PURL format"),
        ({"purl": "pkg:pypi/rеquests@1"}, "invalid_purl", "Invalid PURL format"),
        ({"purl": "pkg:pypi/a\u0000@1"}, "invalid_purl", "Invalid PURL format"),
        ({"purl": "pkg:pypi/\ud800@1"}, "invalid_purl", "Invalid PURL format"),
        ({"purl": "pkg:deb/debian/bash@5"}, "unsupported_ecosystem", "Unsupported ecosystem"),
        ({"purl": PURL, "priority": -1}, "invalid_priority", "Invalid priority"),
        ({"purl": PURL, "priority": 10}, "invalid_priority", "Invalid priority"),
        ({"purl": PURL, "priority": "5"}, "invalid_priority", "Invalid priority"),
        ({"purl": PURL, "priority": True}, "invalid_priority", "Invalid priority"),
        ({"purl": PURL, "priority": 1.5}, "invalid_priority", "Invalid priority"),
        ({"purl": PURL, "force": "yes"}, "invalid_request", "Invalid request"),
        ({"purl": PURL, "tools": ["nmap"]}, "invalid_request", "Invalid request"),
        ({"purl": PURL, "webhook_url": "file:///etc/passwd"}, "invalid_request", "Invalid request"),
    ],
)
async def test_wrong_input_is_told_and_makes_nothing(
    analysis: Analysis, body: dict[str, Any], code: str, error: str
) -> None:
    async with analysis.web.client.post("/api/v1/analyze/", json=body, headers=analysis.headers) as answer:
        found = await answer.json()
        assert answer.status == 400
        assert answer.headers["X-RateLimit-Limit"] == "100000"
    assert (found["success"], found["code"], found["error"]) == (False, code, error)
    if code == "missing_purl":
        assert found["message"] == "PURL parameter is required"
    if code == "invalid_purl":
        assert found["message"] == "PURL must be a valid package URL starting with pkg:"
    assert (await analysis.get("/api/v1/queue/status/"))["data"]["queue_length"] == 0
    assert analysis.kitchen.seen == {}


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 400, "invalid_json"),
        (b"{", 400, "invalid_json"),
        (b"[]", 400, "invalid_json"),
        (b'"pkg:pypi/a@1"', 400, "invalid_json"),
        (b'{"purl": "pkg:pypi/a@1", "purl": "pkg:pypi/b@1"}', 400, "invalid_json"),
        (b'{"purl": NaN}', 400, "invalid_json"),
        (b"\xff\xfe", 400, "invalid_json"),
        (b"[" * 50_000, 400, "invalid_json"),
        (b"x" * 70_000, 413, "payload_too_large"),
    ],
)
async def test_bodies_that_are_none(analysis: Analysis, data: bytes, status: int, code: str) -> None:
    async with analysis.web.client.post("/api/v1/analyze/", data=data, headers=analysis.headers) as answer:
        assert (answer.status, (await answer.json())["code"]) == (status, code)


async def test_a_body_of_a_hundred_mebibytes_is_refused_unread(analysis: Analysis) -> None:
    headers = {**analysis.headers, "Content-Length": str(100 * 1024 * 1024)}
    async with analysis.web.client.post("/api/v1/analyze/", data=b"x", headers=headers) as answer:
        assert answer.status == 413


async def test_keys_are_asked_for_in_the_contracts_words(analysis: Analysis) -> None:
    url = "/api/v1/analyze/"
    async with analysis.web.client.post(url, json={"purl": PURL}) as answer:
        body = await answer.json()
        assert answer.status == 401
        assert "X-RateLimit-Limit" not in answer.headers
    assert body["error"] == "API key required"
    assert body["message"] == "Please provide API key in Authorization header (Bearer <key>) or X-API-Key header"
    for headers in ({"Authorization": "Bearer nope"}, {"X-API-Key": "pk_aaaaaaaa_" + "a" * 43}):
        async with analysis.web.client.post(url, json={"purl": PURL}, headers=headers) as answer:
            body = await answer.json()
            assert answer.status == 401
        assert body["error"] == "Invalid API key"
        assert body["message"] == "The provided API key is invalid or inactive"
    key = analysis.headers["Authorization"].removeprefix("Bearer ")
    for headers in ({"X-API-Key": key}, {"Authorization": f"bearer {key}"}):
        async with analysis.web.client.post(url, json={"purl": PURL}, headers=headers) as answer:
            assert answer.status in (200, 202)
    reader = await analysis.key(scopes=["packages:read"])
    async with analysis.web.client.post(url, json={"purl": PURL}, headers=reader) as answer:
        assert (answer.status, (await answer.json())["code"]) == (403, "forbidden")


async def test_the_limit_is_told_and_kept(analysis: Analysis) -> None:
    headers = await analysis.key(rate=3)
    left = []
    for _ in range(3):
        async with analysis.web.client.get("/api/v1/reports/", headers=headers) as answer:
            assert answer.status == 200
            assert answer.headers["X-RateLimit-Limit"] == "3"
            left.append(answer.headers["X-RateLimit-Remaining"])
    assert left == ["2", "1", "0"]
    async with analysis.web.client.post("/api/v1/analyze/", json={"purl": PURL}, headers=headers) as answer:
        body = await answer.json()
        assert answer.status == 429
        assert 3_500 < int(answer.headers["Retry-After"]) <= 3_600
        assert answer.headers["X-RateLimit-Remaining"] == "0"
    assert (body["error"], body["message"]) == ("Rate limit exceeded", "Maximum 3 requests per hour exceeded")
    assert body["code"] == "rate_limited"
    async with analysis.web.client.post("/api/v1/analyze/", data=b"{", headers=headers) as answer:
        assert answer.status == 429


async def test_an_owner_with_too_many_waiting_is_told_to_wait(start_analysis: StartAnalysis) -> None:
    analysis = await start_analysis(slots=0, cap=2)
    await analysis.post("pkg:pypi/a@1")
    await analysis.post("pkg:pypi/b@1")
    assert (await analysis.post("pkg:pypi/c@1", 429))["code"] == "rate_limited"
    assert (await analysis.post("pkg:pypi/a@1", 200))["data"]["queue_position"] == 1


async def test_other_methods_are_refused_with_those_allowed(analysis: Analysis) -> None:
    async with analysis.web.client.get("/api/v1/analyze/", headers=analysis.headers) as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")
        assert (await answer.json())["code"] == "method_not_allowed"


async def test_a_batch_says_for_each_what_became_of_it(analysis: Analysis) -> None:
    body = {"purls": [PURL, "pkg:npm/%40scope/thing@1.0.0", PURL, "nonsense", "pkg:pypi/gone"]}
    async with analysis.web.client.post("/api/v1/analyze/batch/", json=body, headers=analysis.headers) as answer:
        data = (await answer.json())["data"]
        assert answer.status == 200
    assert (data["accepted"], data["refused"]) == (3, 2)
    assert [item.get("code") for item in data["items"]] == [None, None, None, "invalid_purl", "package_not_found"]
    assert data["items"][0]["task_id"] == data["items"][2]["task_id"]
    manifest = {"name": "requirements.txt", "content": "six==1.16.0\n-e .\nrequests  # any\n"}
    async with analysis.web.client.post(
        "/api/v1/analyze/batch", json={"manifest": manifest}, headers=analysis.headers
    ) as answer:
        data = (await answer.json())["data"]
    assert [item["purl"] for item in data["items"]] == ["pkg:pypi/six@1.16.0", "pkg:pypi/requests"]
    assert data["skipped"] == ["-e ."]
    for wrong in ({}, {"purls": []}, {"purls": ["x"] * 1_001}, {"manifest": {"name": "x.zip", "content": ""}}):
        async with analysis.web.client.post("/api/v1/analyze/batch", json=wrong, headers=analysis.headers) as answer:
            assert (answer.status, (await answer.json())["code"]) == (400, "invalid_request")


async def test_a_request_id_is_echoed(analysis: Analysis) -> None:
    body = await analysis.post(PURL, headers={"X-Request-ID": "client-7"})
    assert json.loads(json.dumps(body))["request_id"] == "client-7"
