"""Reports: the latest and one for ever, in three shapes, compared; uploads seen by their owner alone."""

from __future__ import annotations

import hashlib
import json
import urllib.parse
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from pumpkin.evidence.bundle_verify import verify_bundle
from pumpkin.evidence.bundle_zip import unpack
from tests.web.analysis.conftest import Analysis, StartAnalysis


async def test_the_latest_report_has_both_addresses_and_an_etag(analysis: Analysis) -> None:
    await analysis.done("pkg:pypi/thing@1.0")
    latest = ("/media/reports/pypi/thing/1.0.json", "/reports/pypi/thing/1.0.json")
    for path in (*latest, *(f"{one}/" for one in latest)):
        async with analysis.web.client.get(path) as answer:
            body = await answer.read()
            assert (answer.status, answer.content_type) == (200, "application/json")
            assert answer.headers["Cache-Control"] == "no-cache"
            etag = answer.headers["ETag"]
        assert etag == f'"{hashlib.sha256(body).hexdigest()}"'
        async with analysis.web.client.get(path, headers={"If-None-Match": f'W/"x", {etag}'}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")
        async with analysis.web.client.head(path) as answer:
            assert answer.status == 200
    for_ever = f"/reports/sha256/{hashlib.sha256(body).hexdigest()}.json"
    for path in (for_ever, f"{for_ever}/"):
        async with analysis.web.client.get(path) as answer:
            assert await answer.read() == body
            assert "immutable" in answer.headers["Cache-Control"]
    document = json.loads(body)
    assert document["metadata"]["package"] == {
        "name": "thing", "version": "1.0", "ecosystem": "pypi", "purl": "pkg:pypi/thing@1.0",
    }  # fmt: skip
    assert document["metadata"]["analysis"].keys() >= {"status", "started_at", "completed_at", "duration_seconds"}
    assert document["metadata"]["api"].keys() >= {"version", "endpoint", "generated_by"}
    results = document["analysis_results"]
    assert results.keys() >= {"packages", "time", "install", "execute", "yara_analysis", "phases", "verdict", "proof"}
    assert results["install"].keys() >= {
        "num_files", "num_commands", "num_network_connections", "num_system_calls", "files", "dns", "ips", "commands",
        "syscalls",
    }  # fmt: skip
    async with analysis.web.client.get("/media/reports/pypi/thing/1.0.json?format=ossf") as answer:
        assert (await answer.json())["Package"] == {"Ecosystem": "pypi", "Name": "thing", "Version": "1.0"}


@pytest.mark.parametrize(
    ("purl", "path"),
    [
        ("pkg:npm/%40scope/name@1.0.0", "npm/@scope/name/1.0.0.json"),
        ("pkg:maven/org.example/lib@2.0", "maven/org.example:lib/2.0.json"),
        ("pkg:composer/vendor/name@1.0", "packagist/vendor/name/1.0.json"),
        ("pkg:gem/rails@7.0", "rubygems/rails/7.0.json"),
        ("pkg:pypi/" + "a" * 200 + "@1", "pypi/" + "a" * 200 + "/1.json"),
        ("pkg:pypi/thing@1!2.0%2Bx", "pypi/thing/1!2.0+x.json"),
    ],
)
async def test_any_name_has_an_address(analysis: Analysis, purl: str, path: str) -> None:
    task = await analysis.done(purl)
    for asked in (f"/media/reports/{urllib.parse.quote(path, safe='@/:')}", task["download_url"]):
        url = analysis.web.client.make_url("/").join(_url(asked))
        async with aiohttp.ClientSession() as web, web.get(url) as answer:
            assert answer.status == 200, asked


def _url(text: str) -> Any:
    from yarl import URL

    return URL(text, encoded=True)


@pytest.mark.parametrize(
    "path",
    [
        "pypi/thing/..%2F..%2Fetc%2Fpasswd.json", "pypi/%2e%2e/%2e%2e/x.json", "pypi/thing/1.0", "pypi/1.0.json",
        "nosuch/thing/1.0.json", "pypi/thing/1.0.txt", "pypi/%00/1.json", "pypi/thing/9.9.json", "pypi//1.json",
        "pypi/" + "a" * 3_000 + "/1.json",
    ],
)  # fmt: skip
async def test_nothing_else_has_one(analysis: Analysis, path: str) -> None:
    await analysis.done("pkg:pypi/thing@1.0")
    url = analysis.web.client.make_url("/").join(_url(f"/media/reports/{path}"))
    async with aiohttp.ClientSession() as web, web.get(url) as answer:
        assert answer.status == 404
        assert (await answer.json())["code"] in ("report_not_found", "not_found")


async def test_the_old_interface_has_its_reports(analysis: Analysis) -> None:
    first, second = await analysis.done("pkg:pypi/a@1"), await analysis.done("pkg:pypi/b@1")
    body = await analysis.get("/get_all_report/", headers={})
    assert {key: value["package_name"] for key, value in body.items()} == {
        str(first["report_id"]): "a", str(second["report_id"]): "b",
    }  # fmt: skip
    assert body[str(first["report_id"])].keys() == {"id", "package_name", "package_version", "ecosystem", "time"}
    for wrong in ("page=0", "page_size=x"):
        assert (await analysis.get(f"/get_all_report/?{wrong}", 400, {}))["code"] == "invalid_pagination"
    one = await analysis.get(f"/get_report/{first['report_id']}/", headers={})
    assert one.keys() == {"package_name", "package_version", "ecosystem", "time", "report_data"}
    assert one["report_data"]["metadata"]["package"]["name"] == "a"
    assert len(await analysis.get("/get_all_report/?page=2&page_size=1")) == 1
    for path in ("/get_report/0/", "/get_report/x/", "/get_report/999999999999999999999/"):
        assert (await analysis.get(path, 404))["code"] == "report_not_found"


async def test_two_reports_are_compared_and_history_is_kept(analysis: Analysis) -> None:
    first = await analysis.done("pkg:pypi/a@1")
    analysis.kitchen.outcome = "malicious"
    second = await analysis.until((await analysis.post("pkg:pypi/a@1", force=True))["data"]["task_id"], "completed")
    a, b = first["report_id"], second["report_id"]
    data = (await analysis.get(f"/api/v1/reports/{a}/diff/{b}/"))["data"]
    assert data["verdict"]["changed"] is True
    assert (data["from"]["report_id"], data["to"]["outcome"]) == (a, "malicious")
    history = (await analysis.get("/api/v1/reports/history/?ecosystem=pypi&name=a&version=1"))["data"]["items"]
    assert [one["report_id"] for one in history] == [b, a]
    latest = await analysis.get("/media/reports/pypi/a/1.json")
    assert latest["analysis_results"]["outcome"] == "malicious"
    await analysis.get(f"/api/v1/reports/{a}/diff/999/", 404)
    await analysis.get(f"/api/v1/reports/{a}/diff/{b}/", 401, {})


@pytest.mark.parametrize(
    "path",
    ["0/diff/1", "x/diff/1", "1/diff/999", "1/diff/-1", "1/diff/99999999999999999999", "..%2F1/diff/1", "1/diff/%00",
     "1;drop/diff/1", "1/diff/1%0a", "1/diff/" + "1" * 10_000],
)  # fmt: skip
async def test_only_reports_there_are_can_be_compared(analysis: Analysis, path: str) -> None:
    await analysis.done("pkg:pypi/a@1")
    url = analysis.web.client.make_url("/").join(_url(f"/api/v1/reports/{path}/"))
    async with aiohttp.ClientSession() as web, web.get(url, headers=analysis.headers) as answer:
        assert 400 <= answer.status < 500, await answer.text()


async def test_a_private_report_is_compared_by_its_owner_alone(analysis: Analysis) -> None:
    public = await analysis.done("pkg:pypi/a@1")
    data = (await _upload(analysis, form(ecosystem="pypi"), 202))["data"]
    mine = await analysis.until(data["task_id"], "completed")
    path = f"/api/v1/reports/{public['report_id']}/diff/{mine['report_id']}/"
    assert (await analysis.get(path))["success"] is True
    assert (await analysis.get(path, 404, await analysis.key()))["code"] == "report_not_found"


async def test_the_result_of_one_version_is_never_anothers(analysis: Analysis) -> None:
    first, second = await analysis.done("pkg:pypi/a@1"), await analysis.done("pkg:pypi/a@1.1")
    assert first["task_id"] != second["task_id"]
    for task, version in ((first, "1"), (second, "1.1")):
        report = await analysis.get("/media" + task["download_url"].partition("/media")[2], 200, {})
        assert report["metadata"]["package"]["version"] == version
    assert (await analysis.post("pkg:pypi/a@1", 200))["data"]["task_id"] == first["task_id"]
    await analysis.get("/media/reports/pypi/a/1.2.json", 404, {})
    same = await analysis.get("/media/reports/pypi/a/1.0.json", 200, {})
    assert same["metadata"]["package"]["version"] == "1", "one version in two spellings (PEP 440)"


async def test_what_a_report_lets_one_download_is_never_shown_as_a_page(analysis: Analysis) -> None:
    task = await analysis.done("pkg:pypi/a@1")
    items = (await analysis.get(f"/api/v1/reports/{task['report_id']}/attachments/"))["data"]["items"]
    assert [(item["name"], item["size"]) for item in items] == [("pcap", 2)]
    path = f"/api/v1/reports/{task['report_id']}/buffers/{items[0]['sha256']}"
    async with analysis.web.client.get(path, headers=analysis.headers) as answer:
        assert await answer.read() == b"\xd4\xc3"
        assert answer.content_type == "application/octet-stream"
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    await analysis.get(path[:-1] + ("0" if path[-1] != "0" else "1"), 404)


def form(content: bytes = b"PK\x03\x04", name: str = "thing-1.2.tar.gz", **fields: str) -> aiohttp.FormData:
    data = aiohttp.FormData()
    for key, value in fields.items():
        data.add_field(key, value)
    data.add_field("file", content, filename=name)
    return data


async def _upload(analysis: Analysis, data: aiohttp.FormData, status: int, path: str = "/api/v1/upload/") -> Any:
    async with analysis.web.client.post(path, data=data, headers=analysis.headers) as answer:
        body = await answer.json()
        assert answer.status == status, body
        return body


async def test_an_archive_is_analysed_for_its_owner_alone(analysis: Analysis) -> None:
    data = (await _upload(analysis, form(ecosystem="pypi", priority="3"), 202))["data"]
    assert data["message"] == "Analysis queued at position 1"
    path = f"/api/v1/task/{data['task_id']}/"
    task = await analysis.until(data["task_id"], "completed")
    assert (task["package_name"], task["package_version"], task["priority"]) == ("thing", "1.2", 3)
    assert f"checksum=sha256:{hashlib.sha256(b'PK' + bytes([3, 4])).hexdigest()}" in task["purl"]
    await analysis.get(path, 404, {})
    await analysis.get(path, 404, await analysis.key())
    assert (await analysis.get(f"/api/v1/task/{data['uuid']}/", 200, {}))["data"]["status"] == "completed"
    report = task["download_url"].partition("/api/")[2]
    assert (await analysis.get(f"/api/{report}", 200, {}))["metadata"]["package"]["name"] == "thing"
    await analysis.get("/media/reports/pypi/thing/1.2.json", 404, {})
    assert await analysis.get("/get_all_report/", 200, {}) == {}
    await analysis.get(f"/api/v1/reports/{task['report_id']}/", 404, {})
    again = await _upload(analysis, form(ecosystem="pypi"), 200, "/upload_sample/")
    assert again["status"] == "completed"
    shown = (await analysis.get("/api/v1/queue/status/", 200, {}))["data"]
    assert shown["running_tasks"] == shown["queued_tasks"] == []


async def test_the_check_of_a_private_report_does_not_name_its_package(analysis: Analysis) -> None:
    data = (await _upload(analysis, form(package_name="topsecret"), 202))["data"]
    task = await analysis.until(data["task_id"], "completed")
    stored = await analysis.web.line.until("check.stored")
    assert stored["uuid"] == task["proof_url"].split("/")[-2]
    async with analysis.web.client.get(f"/api/v1/checks/{stored['uuid']}", headers=analysis.web.writer) as answer:
        text = await answer.text()
    check = json.loads(text)["data"]
    assert "topsecret" not in text
    assert check["target"] == f"private report {task['report_id']}"
    said = json.loads(check["payload"]["text"])
    assert said["purl"] is None
    report = await analysis.get(f"/api/v1/reports/{task['report_id']}/")
    assert report["analysis_results"]["proof"]["check"] == stored["uuid"]


@pytest.mark.parametrize(
    ("name", "fields", "expected"),
    [
        ("a-1.0.0.tgz", {}, ("npm", "a", "1.0.0")),
        ("x.whl", {"package_name": "x_y", "package_version": "2"}, ("pypi", "x-y", "2")),
        ("../../etc/passwd-1.0.zip", {"ecosystem": "rubygems"}, ("gem", "passwd", "1.0")),
        ("lib-1.0.jar", {"package_name": "org.example:lib"}, ("maven", "org.example:lib", "1.0")),
    ],
)
async def test_an_archive_is_named_by_its_form_or_itself(
    start_analysis: StartAnalysis, name: str, fields: dict[str, str], expected: tuple[str, str, str]
) -> None:
    analysis = await start_analysis(slots=0)
    data = (await _upload(analysis, form(name=name, **fields), 202))["data"]
    task = (await analysis.get(f"/api/v1/task/{data['task_id']}/"))["data"]
    assert (task["ecosystem"], task["package_name"], task["package_version"]) == expected


async def test_forms_that_will_not_do(start_analysis: StartAnalysis) -> None:
    analysis = await start_analysis(upload_limit=1_000)
    for data, status, code in (
        (form(b""), 400, "invalid_request"),
        (form(b"x" * 1_001), 413, "payload_too_large"),
        (form(ecosystem="nosuch"), 400, "invalid_request"),
        (form(package_name="a/../b"), 400, "invalid_request"),
        (form(package_version="../1"), 400, "invalid_request"),
        (form(priority="11"), 400, "invalid_priority"),
        (form(priority="x"), 400, "invalid_priority"),
        (form(package_name="n" * 1_001), 413, "payload_too_large"),
    ):
        assert (await _upload(analysis, data, status))["code"] == code
    headers = {**analysis.headers, "Content-Type": "multipart/form-data"}
    async with analysis.web.client.post("/api/v1/upload/", data=b"nothing", headers=headers) as answer:
        assert (answer.status, (await answer.json())["code"]) == (400, "invalid_request")
    async with analysis.web.client.post("/api/v1/upload/", json={}, headers=analysis.headers) as answer:
        assert answer.status == 400
    field = b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n'
    file = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a-1.zip"\r\n\r\nPK\r\n'
    headers = {**analysis.headers, "Content-Type": "multipart/form-data; boundary=B"}
    for body in (b"a" * 600_000, b"--B\r\n" + b"a" * 600_000, field * 22 + b"--B--\r\n", file * 2 + b"--B--\r\n"):
        async with analysis.web.client.post("/api/v1/upload/", data=_chunks(body), headers=headers) as answer:
            assert (answer.status, (await answer.json())["code"]) == (400, "invalid_request")


async def _chunks(body: bytes) -> AsyncIterator[bytes]:
    """A body whose length is not known before."""
    for at in range(0, len(body), 65_536):
        yield body[at : at + 65_536]


async def test_a_report_has_an_offline_proof(analysis: Analysis) -> None:
    await analysis.done("pkg:pypi/thing@1.0")
    await analysis.web.line.until_stamped(1)
    async with analysis.web.client.get("/api/v1/reports/1") as answer:
        document = await answer.read()
    async with analysis.web.client.get("/api/v1/reports/1/bundle") as answer:
        assert (answer.status, answer.content_type) == (200, "application/zip")
        data = await answer.read()
    authority = analysis.web.line.tsa.authority
    assert verify_bundle(data, roots=[authority.root_pem], log_key=analysis.web.line.key.vkey.encode()).ok
    assert hashlib.sha256(document).hexdigest() in unpack(data)["payload.bin"].decode()
    async with analysis.web.client.get("/api/v1/reports/99/bundle") as answer:
        assert answer.status == 404
