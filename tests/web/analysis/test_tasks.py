"""Tasks and the queue as they are read, cancelled, and swept."""

from __future__ import annotations

import asyncio
import json

import pytest

from pumpkin.errors import RegistryUnavailable
from tests.web.analysis.conftest import Analysis, StartAnalysis

PURL = "pkg:npm/%40babel/core@7.26.0"
ALWAYS = {
    "task_id", "purl", "status", "created_at", "expected_download_url", "package_name", "package_version", "ecosystem",
    "priority", "queue_position", "queued_at", "timeout_minutes", "container_id", "last_heartbeat",
}  # fmt: skip


async def test_a_task_has_its_keys_in_every_state(start_analysis: StartAnalysis) -> None:
    analysis = await start_analysis(slots=1)
    analysis.kitchen.hold.clear()
    running = (await analysis.post(PURL))["data"]["task_id"]
    waiting = (await analysis.post("pkg:pypi/b@1", priority=2))["data"]["task_id"]
    last = (await analysis.post("pkg:pypi/c@1"))["data"]["task_id"]
    task = await analysis.until(running, "running")
    assert task.keys() >= ALWAYS | {"started_at", "remaining_time_minutes", "is_timed_out"}
    assert (task["queue_position"], task["is_timed_out"], task["timeout_minutes"]) == (0, False, 30)
    assert 29 < task["remaining_time_minutes"] <= 30
    assert task["package_name"] == "@babel/core"
    for path in (f"/api/v1/task/{waiting}", f"/api/v1/task/{waiting}/"):
        found = (await analysis.get(path, headers={}))["data"]
        assert found.keys() >= ALWAYS
        assert (found["status"], found["queue_position"], "started_at" in found) == ("queued", 1, False)
    assert (await analysis.get(f"/api/v1/task/{last}/"))["data"]["queue_position"] == 2
    analysis.kitchen.hold.set()
    done = await analysis.until(running, "completed")
    assert done.keys() >= ALWAYS | {"completed_at", "result_url", "download_url", "report_metadata"}
    assert done["outcome"] == done["verdict"]["outcome"] == "clean"
    assert done["queue_position"] is None
    by_uuid = await analysis.get(f"/api/v1/task/{done['uuid']}/", headers={})
    assert by_uuid["data"]["task_id"] == running
    report = await analysis.get(done["download_url"].partition(":")[2].partition("/media")[2].join(["/media", ""]))
    assert report["metadata"]["package"]["name"] == "@babel/core"


@pytest.mark.parametrize(
    "task_id", ["0", "999999", "x", "-1", "9" * 30, "1e3", "%00", "00000000-0000-0000-0000-000000000000"]
)
async def test_a_task_that_is_not_there(analysis: Analysis, task_id: str) -> None:
    body = await analysis.get(f"/api/v1/task/{task_id}/", 404)
    assert (body["error"], body["message"], body["code"]) == (
        "Task not found",
        "Analysis task not found or access denied",
        "task_not_found",
    )


async def test_a_failed_task_says_why_in_detail_only_to_its_owner(analysis: Analysis) -> None:
    analysis.kitchen.outcome = "install_failed"
    task = await analysis.done(PURL)
    assert (task["status"], task["outcome"]) == ("failed", "install_failed")
    assert (task["error_category"], task["error_message"]) == ("analysis_error", "no")
    assert task["report_url"].endswith(f"/api/v1/reports/{task['report_id']}/")
    async with analysis.web.services.db.writer() as connection:
        await connection.execute("update tasks set details = 'line 7'")
    path = f"/api/v1/task/{task['task_id']}/"
    assert (await analysis.get(path))["data"]["error_details"] == "line 7"
    assert (await analysis.get(path, headers={}))["data"]["error_details"] is None
    assert (await analysis.get(path, headers=await analysis.key()))["data"]["error_details"] is None
    again = await analysis.post(PURL)
    assert again["data"]["task_id"] != task["task_id"]


async def test_a_part_that_is_missing_is_tried_again_and_then_told(analysis: Analysis) -> None:
    analysis.kitchen.fault = RegistryUnavailable("The registry is away.")
    task = await analysis.done(PURL)
    assert (task["status"], task["error_category"]) == ("failed", "analysis_error")
    assert task["error_message"] == "The registry is away."
    assert analysis.kitchen.seen[task["task_id"]] == 3


async def test_a_fault_of_ours_never_tells_its_text(analysis: Analysis) -> None:
    analysis.kitchen.fault = KeyError("secret of the house")
    task = await analysis.done(PURL)
    assert (task["status"], task["error_category"]) == ("failed", "unknown_error")
    assert "secret" not in json.dumps(task)
    analysis.kitchen.fault = None
    assert (await analysis.done("pkg:pypi/next@1"))["status"] == "completed"


async def test_ones_own_tasks_by_page(analysis: Analysis) -> None:
    for number in range(5):
        await analysis.done(f"pkg:pypi/p{number}@1")
    analysis.kitchen.outcome = "timeout"
    await analysis.done("pkg:pypi/slow@1")
    body = (await analysis.get("/api/v1/reports/?page=2&page_size=2"))["data"]
    assert (body["page"], body["page_size"], body["total"]) == (2, 2, 6)
    assert [item["package_name"] for item in body["items"]] == ["p3", "p2"]
    assert body["items"][0].keys() >= {
        "task_id", "purl", "status", "created_at", "package_name", "package_version", "ecosystem", "priority",
        "queue_position", "queued_at", "result_url", "download_url", "error_message", "error_category",
    }  # fmt: skip
    assert (await analysis.get("/api/v1/reports/?status=failed"))["data"]["total"] == 1
    assert (await analysis.get("/api/v1/reports/?outcome=clean&ecosystem=pypi&q=p1"))["data"]["total"] == 1
    assert (await analysis.get("/api/v1/reports/", headers=await analysis.key()))["data"]["total"] == 0
    assert (await analysis.get("/api/v1/reports/?page=99999"))["data"]["items"] == []
    for query in (
        "page=0",
        "page=-1",
        "page=x",
        "page_size=0",
        "page_size=101",
        "page=9999999999999999999999",
        "page=",
    ):
        assert (await analysis.get(f"/api/v1/reports/?{query}", 400))["code"] == "invalid_pagination"
    assert (await analysis.get("/api/v1/reports/?ecosystem=PyPI"))["data"]["total"] == 6
    for query, code in (
        ("reports/?status=done", "invalid_request"),
        ("reports/?outcome=fine", "invalid_request"),
        ("reports/?outcome=CLEAN", "invalid_request"),
        ("reports/?ecosystem=nosuch", "unsupported_ecosystem"),
        ("reports/?q=%00", "invalid_request"),
        ("reports/history/?ecosystem=nosuch", "unsupported_ecosystem"),
        ("reports/history/?name=a%00b", "invalid_request"),
        ("packages/pypi/?q=%00", "invalid_request"),
    ):
        refused = await analysis.get(f"/api/v1/{query}", 400)
        assert refused["code"] == code, query
        assert refused["fields"], query


async def test_the_queue_is_shown_in_the_order_in_which_it_runs(start_analysis: StartAnalysis) -> None:
    analysis = await start_analysis(slots=1)
    analysis.kitchen.hold.clear()
    ids = [(await analysis.post(f"pkg:pypi/p{n}@1", priority=n % 3))["data"]["task_id"] for n in range(7)]
    data = (await analysis.get("/api/v1/queue/status/", headers={}))["data"]
    assert data["queue_length"] == 6
    assert [task["task_id"] for task in data["running_tasks"]] == ids[:1]
    assert data["running_tasks"][0].keys() >= {"task_id", "purl", "started_at", "created_at"}
    order = [ids[2], ids[5], ids[1], ids[4], ids[3], ids[6]]
    assert [task["task_id"] for task in data["queued_tasks"]] == order
    assert [task["queue_position"] for task in data["queued_tasks"]] == [1, 2, 3, 4, 5, 6]
    assert (data["truncated"], data["capacity"]) == (False, 1)
    cut = (await analysis.get("/api/v1/queue/status?limit=2"))["data"]
    assert (len(cut["queued_tasks"]), cut["truncated"], cut["queue_length"]) == (2, True, 6)
    place = (await analysis.get(f"/api/v1/task/{ids[4]}/queue/"))["data"]
    assert (place["status"], place["queue_position"], place["package_name"]) == ("queued", 4, "p4")
    assert (await analysis.get(f"/api/v1/task/{ids[0]}/queue/"))["data"]["queue_position"] == 0
    await analysis.get(f"/api/v1/task/{ids[4]}/queue/", 404, await analysis.key())
    await analysis.get(f"/api/v1/task/{ids[4]}/queue/", 401, {})
    ran: list[int] = []
    events = analysis.web.services.bus.subscribe(["task.moved"])
    analysis.kitchen.hold.set()
    async with asyncio.timeout(10):
        async for event in events:
            if event.data["status"] == "running" and event.data["phase"] is None:
                ran.append(event.data["task_id"])
            if len(ran) == 6:
                break
    assert ran == order
    assert (await analysis.get(f"/api/v1/task/{ids[0]}/queue/"))["data"]["queue_position"] is None


async def test_a_task_over_its_time_is_ended_by_the_sweep_and_stays_ended(start_analysis: StartAnalysis) -> None:
    analysis = await start_analysis(slots=1)
    analysis.kitchen.hold.clear()
    task_id = (await analysis.post(PURL))["data"]["task_id"]
    await analysis.until(task_id, "running")
    status = (await analysis.get("/api/v1/timeout/status/", headers={}))["data"]
    assert (status["running_tasks"], status["timed_out_tasks"]) == (1, 0)
    assert status["tasks"][0].keys() >= {
        "task_id", "purl", "started_at", "timeout_minutes", "remaining_minutes", "is_timed_out", "container_id",
        "container_running",
    }  # fmt: skip
    async with asyncio.timeout(10):
        while (task := (await analysis.get(f"/api/v1/task/{task_id}/"))["data"])["container_id"] is None:
            await asyncio.sleep(0.02)
    assert (task["container_id"], task["phase"]) == (f"c{task_id}", "static")
    (shown,) = (await analysis.get("/api/v1/timeout/status/"))["data"]["tasks"]
    assert (shown["container_id"], shown["container_running"]) == (f"c{task_id}", True)
    async with analysis.web.client.post("/api/v1/timeout/check/") as answer:
        body = await answer.json()
    assert body["data"]["message"] == "Timeout check completed"
    assert (await analysis.get(f"/api/v1/task/{task_id}/"))["data"]["status"] == "running"
    async with analysis.web.services.db.writer() as connection:
        await connection.execute("update tasks set started = started - 1801000000")
    assert (await analysis.get("/api/v1/timeout/status/"))["data"]["timed_out_tasks"] == 1
    assert (await analysis.get(f"/api/v1/task/{task_id}/"))["data"]["is_timed_out"] is True
    async with analysis.web.client.post("/api/v1/timeout/check/") as answer:
        assert (await answer.json())["data"]["status"]["running_tasks"] == 0
    task = await analysis.until(task_id, "failed")
    assert (task["error_category"], task["outcome"]) == ("timeout_error", "timeout")
    analysis.kitchen.hold.set()
    assert (await analysis.done("pkg:pypi/next@1"))["status"] == "completed"
    assert (await analysis.get(f"/api/v1/task/{task_id}/"))["data"]["status"] == "failed"


async def test_ones_own_task_can_be_cancelled_waiting_or_running(start_analysis: StartAnalysis) -> None:
    analysis = await start_analysis(slots=1)
    analysis.kitchen.hold.clear()
    ids = [(await analysis.post(f"pkg:pypi/p{n}@1"))["data"]["task_id"] for n in range(3)]
    await analysis.until(ids[0], "running")
    client = analysis.web.client
    async with client.delete(f"/api/v1/task/{ids[1]}/", headers=await analysis.key()) as answer:
        assert answer.status == 403
    for task_id in ids[:2]:
        async with client.delete(f"/api/v1/task/{task_id}/", headers=analysis.headers) as answer:
            data = (await answer.json())["data"]
        assert (data["status"], data["outcome"], data["error_category"]) == ("failed", "cancelled", "cancelled")
    analysis.kitchen.hold.set()
    assert (await analysis.until(ids[2], "completed"))["status"] == "completed"
    assert (await analysis.get(f"/api/v1/task/{ids[0]}/"))["data"]["status"] == "failed"
    async with client.delete(f"/api/v1/task/{ids[2]}/", headers=analysis.headers) as answer:
        assert (await answer.json())["data"]["status"] == "completed"


async def test_a_task_is_followed_as_it_goes(start_analysis: StartAnalysis) -> None:
    analysis = await start_analysis(slots=1)
    analysis.kitchen.hold.clear()
    first = (await analysis.post("pkg:pypi/a@1"))["data"]["task_id"]
    second = (await analysis.post("pkg:pypi/b@1"))["data"]["task_id"]
    async with analysis.web.client.ws_connect(f"/api/v1/task/{second}/events") as socket:
        analysis.kitchen.hold.set()
        seen: list[tuple[str, str | None]] = []
        phases: set[str | None] = set()
        async with asyncio.timeout(10):
            while not seen or seen[-1][0] != "report.ready":
                event = await socket.receive_json()
                assert event["data"]["task_id"] == second
                seen.append((event["topic"], event["data"].get("status")))
                phases.add(event["data"].get("phase"))
    assert ("task.moved", "running") in seen
    assert ("task.event", "started") in seen
    assert ("task.moved", "completed") in seen
    assert "static" in phases
    await analysis.until(first, "completed")


async def test_a_report_enters_the_log_as_a_check(analysis: Analysis) -> None:
    task = await analysis.done(PURL)
    stored = await analysis.web.line.until("check.stored")
    check = task["proof_url"].split("/")[-2]
    assert stored["uuid"] == check
    await analysis.web.line.until_stamped(1)
    async with analysis.web.client.get(f"/api/v1/checks/{check}", headers=analysis.web.writer) as answer:
        data = (await answer.json())["data"]
    assert (data["kind"], data["type"], data["status"], data["target"]) == ("report", "package", "ok", task["purl"])
    assert json.loads(data["payload"]["text"])["report_sha256"]
    async with analysis.web.client.get(f"/api/v1/checks/{check}/proof", headers=analysis.web.writer) as answer:
        assert answer.status == 200
