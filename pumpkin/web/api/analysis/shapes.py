"""How tasks, places and reports look on the wire, with whole addresses as both dialects have them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from aiohttp import web

from pumpkin.model.tasks import Decided, Task
from pumpkin.model.wire import rfc3339
from pumpkin.web.guard import ANONYMOUS, Identity
from pumpkin.web.limits import by_https
from pumpkin.web.services import SERVICES


def base(request: web.Request) -> str:
    """Scheme and host this client reached us by; behind a trusted proxy, as that says."""
    return f"{'https' if by_https(request, request.app[SERVICES].access.trusted) else 'http'}://{request.host}"


def when(microseconds: int | None) -> str | None:
    """RFC 3339 in UTC."""
    return None if microseconds is None else rfc3339(microseconds)


def report_path(ecosystem: str, name: str, version: str) -> str:
    """Where the latest report of a package version is."""
    return f"/media/reports/{ecosystem}/{quote(name, safe='@/:')}/{quote(version, safe='')}.json"


def urls(request: web.Request, of: Task | Decided) -> tuple[str, str]:
    """The address of a task and of its report. What is private is named by its uuid."""
    root = base(request)
    if of.realm:
        return f"{root}/api/v1/task/{of.uuid}/", f"{root}/api/v1/task/{of.uuid}/report/"
    return f"{root}/api/v1/task/{of.id}/", root + report_path(of.ecosystem or "", of.name or "", of.version or "")


def report_metadata(of: Task | Decided, url: str) -> dict[str, Any]:
    """What both dialects say of a report's file."""
    return {
        "filename": f"{of.version}.json",
        "size_bytes": of.report_size,
        "created_at": when(of.report_made),
        "download_url": url,
        "folder_structure": f"reports/{of.ecosystem}/{of.name}/",
    }


def task_json(request: web.Request, task: Task, asker: Identity = ANONYMOUS) -> dict[str, Any]:
    """A task as `GET /api/v1/task/<id>/` says it; what failed in detail only to its owner."""
    _, report_url = urls(request, task)
    shown: dict[str, Any] = {
        "task_id": task.id,
        "purl": task.purl,
        "status": task.state,
        "created_at": when(task.created),
        "expected_download_url": report_url,
        "package_name": task.name,
        "package_version": task.version,
        "ecosystem": task.ecosystem,
        "priority": task.priority,
        "queue_position": place(task),
        "queued_at": when(task.queued),
        "timeout_minutes": minutes(task.timeout_s),
        "container_id": task.container,
        "last_heartbeat": when(task.heartbeat),
        "uuid": str(task.uuid),
        "tools": task.tools.split(","),
        "attempt": task.attempt,
        "outcome": task.outcome,
        "verdict": task.verdict,
        "phase": task.phase,
        "phases": task.phases,
        "report_id": task.report,
        "proof_url": proof_url(request, task),
    }
    if task.flagged:
        shown["flagged"] = task.flagged
    if task.started is not None:
        shown["started_at"] = when(task.started)
    if task.state == "running":
        shown["remaining_time_minutes"] = remaining(task)
        shown["is_timed_out"] = task.late
    if task.ended is not None:
        shown["completed_at"] = when(task.ended)
    if task.state == "failed":
        shown["error_message"] = task.message
        shown["error_category"] = task.category
        shown["error_details"] = task.details if asker.owner == task.owner else None
        if task.report is not None:
            shown["report_url"] = f"{base(request)}/api/v1/reports/{task.report}/"
    if task.state == "completed":
        shown["result_url"] = shown["download_url"] = report_url
        shown["report_metadata"] = report_metadata(task, report_url)
    return shown


def listed(request: web.Request, task: Task) -> dict[str, Any]:
    """A task as `GET /api/v1/reports/` lists it."""
    _, report_url = urls(request, task)
    done = task.state == "completed"
    return {
        "task_id": task.id,
        "purl": task.purl,
        "status": task.state,
        "created_at": when(task.created),
        "package_name": task.name,
        "package_version": task.version,
        "ecosystem": task.ecosystem,
        "priority": task.priority,
        "queue_position": place(task),
        "queued_at": when(task.queued),
        "result_url": report_url if done else None,
        "download_url": report_url if done else None,
        "error_message": task.message,
        "error_category": task.category,
        "outcome": task.outcome,
        "report_id": task.report,
    }


def place(task: Task) -> int | None:
    """n from 1 while queued, 0 while running, else None."""
    return 0 if task.state == "running" else task.place


def minutes(seconds: float) -> int | float:
    """Minutes as a whole number where they are one."""
    exact = round(seconds / 60, 2)
    return int(exact) if exact == int(exact) else exact


def remaining(task: Task) -> int | float:
    """Minutes until the deadline, never below 0."""
    return minutes(max(0, (task.deadline or task.clock) - task.clock) / 1e6)


def proof_url(request: web.Request, task: Task) -> str | None:
    """Where the proof of the task's report is."""
    check = (task.verdict or {}).get("check")
    return f"{base(request)}/api/v1/checks/{check}/proof" if check else None
