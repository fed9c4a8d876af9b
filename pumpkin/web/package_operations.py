"""What the OpenAPI document says of the operations on packages: parameters, bodies, examples."""

from __future__ import annotations

from typing import Any

from pumpkin.model.tasks import STATES, TOOLS
from pumpkin.web.operations import JSON, Detail
from pumpkin.web.operations import data as envelope
from pumpkin.web.operations import parameter as query

_UUID = "6f0c1a52-7d1e-4c52-9d7a-0d6f3f1b2a11"
_HOST = "https://pumpkin.example"
_REPORT = f"{_HOST}/media/reports/pypi/requests/2.32.3.json"
_TASK = f"{_HOST}/api/v1/task/42/"
_METADATA = {
    "filename": "2.32.3.json",
    "size_bytes": 15420,
    "created_at": "2026-11-21T14:03:12.000000Z",
    "download_url": _REPORT,
    "folder_structure": "reports/pypi/requests/",
}
_NEW = {
    "task_id": 42,
    "status": "queued",
    "queue_position": 1,
    "status_url": _TASK,
    "result_url": _REPORT,
    "message": "Analysis queued at position 1",
    "uuid": _UUID,
}
_SHOWN = {
    "task_id": 42,
    "purl": "pkg:pypi/requests@2.32.3",
    "status": "completed",
    "created_at": "2026-11-21T14:03:09.120000Z",
    "expected_download_url": _REPORT,
    "package_name": "requests",
    "package_version": "2.32.3",
    "ecosystem": "pypi",
    "priority": 0,
    "queue_position": None,
    "queued_at": "2026-11-21T14:03:09.120000Z",
    "timeout_minutes": 30,
    "container_id": None,
    "last_heartbeat": "2026-11-21T14:03:09.200000Z",
    "started_at": "2026-11-21T14:03:09.200000Z",
    "completed_at": "2026-11-21T14:03:12.000000Z",
    "result_url": _REPORT,
    "download_url": _REPORT,
    "report_metadata": _METADATA,
    "outcome": "clean",
    "verdict": {"outcome": "clean", "score": 3, "why": ["nothing was found"]},
    "proof_url": f"{_HOST}/api/v1/checks/{_UUID}/proof",
}
_MARKED = {
    "package": "pypi/requests",
    "finding": _UUID,
    "report": {"report_id": 8, "outcome": "clean", "score": 3, "rescored_from": 7, "before": "malicious"},
}
_ROW = {
    "task_id": 42,
    "purl": "pkg:pypi/requests@2.32.3",
    "status": "completed",
    "package_name": "requests",
    "package_version": "2.32.3",
    "ecosystem": "pypi",
    "priority": 0,
    "queue_position": None,
    "result_url": _REPORT,
    "error_message": None,
    "error_category": None,
}
_KEY = {
    "name": "X-Idempotency-Key",
    "in": "header",
    "description": "1 to 255 characters: the same request again is answered by its first task, for a day.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
_MANNER: dict[str, Any] = {
    "priority": {"type": "integer", "minimum": 0, "maximum": 9, "default": 0},
    "force": {"type": "boolean", "default": False, "description": "Analyse again though there is a result."},
    "tools": {
        "type": "array",
        "items": {"enum": list(TOOLS)},
        "description": "Only these; the server's own otherwise.",
    },
    "webhook_url": {"type": "string", "format": "uri", "description": "Told by POST when the analysis ended."},
}
_LIMITED = "Every answer carries X-RateLimit-Limit, X-RateLimit-Remaining and X-RateLimit-Reset (epoch seconds)."
_DOCUMENT = {
    "metadata": {"package": {"name": "requests", "version": "2.32.3"}},
    "analysis_results": {"outcome": "clean"},
}
_FORMAT = query(
    "format",
    "`ossf` for the shape of OSSF's package analysis, `sarif` for SARIF 2.1.0.",
    enum=["json", "ossf", "sarif"],
)
_TIMEOUTS = {"running_tasks": 0, "timed_out_tasks": 0, "tasks": []}


def _body(properties: dict[str, Any], example: Any, *required: str) -> dict[str, Any]:
    return {
        JSON: {"schema": {"type": "object", "required": list(required), "properties": properties}, "example": example}
    }


_FORM = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "required": ["file"],
            "properties": {
                "file": {"type": "string", "format": "binary"},
                "ecosystem": {"type": "string"},
                "package_name": {"type": "string"},
                "package_version": {"type": "string"},
                "priority": {"type": "integer", "minimum": 0, "maximum": 9},
            },
        }
    }
}
_DIFF = {"verdict": {"changed": True}, "added": {"hosts": ["drop.example"]}, "removed": {}}

DETAILS: dict[str, Detail] = {
    "POST /api/v1/analyze": Detail(
        query=(_KEY,),
        body=_body(
            {"purl": {"type": "string"}, **_MANNER}, {"purl": "pkg:pypi/requests@2.32.3", "priority": 5}, "purl"
        ),
        statuses={
            "202": "New: it is queued.",
            "200": "An equal one is under way or done; if done, the keys of `data` stand at the top level too.",
        },
        example=envelope(_NEW),
        refusals=("409", "502", "503"),
        note=_LIMITED,
    ),
    "POST /api/v1/analyze/batch": Detail(
        body=_body(
            {
                "purls": {"type": "array", "items": {"type": "string"}, "maxItems": 1000},
                "manifest": {
                    "type": "object",
                    "required": ["name", "content"],
                    "properties": {"name": {"type": "string"}, "content": {"type": "string"}},
                },
                **_MANNER,
            },
            {"purls": ["pkg:pypi/requests@2.32.3", "pkg:npm/%40babel/core@7.26.0"]},
        ),
        example=envelope({"items": [_NEW], "accepted": 1, "refused": 0, "skipped": []}),
        note=_LIMITED,
    ),
    "GET /api/v1/task/{id}": Detail(example=envelope(_SHOWN)),
    "DELETE /api/v1/task/{id}": Detail(example=envelope({**_SHOWN, "status": "failed", "error_category": "cancelled"})),
    "GET /api/v1/task/{id}/queue": Detail(
        example=envelope({"task_id": 42, "status": "queued", "queue_position": 3}), note=_LIMITED
    ),
    "GET /api/v1/task/{id}/report": Detail(query=(_FORMAT,), example=_DOCUMENT),
    "GET /api/v1/task/{id}/events": Detail(
        statuses={"200": "A stream of server-sent events.", "101": "A websocket, where one is asked for."},
        media="text/event-stream",
        example='id: 7\nevent: task.moved\ndata: {"topic": "task.moved", "id": 7, "data": {"task_id": 42}}\n\n',
    ),
    "GET /api/v1/reports": Detail(
        query=(
            query("page", "From 1.", "integer", minimum=1, default=1),
            query("page_size", "At most so many.", "integer", minimum=1, maximum=100, default=20),
            query("status", "Only of this state.", enum=list(STATES)),
            query("outcome", "Only of this outcome."),
            query("ecosystem", "Only of this ecosystem."),
            query("q", "Looked for in the purl."),
        ),
        example=envelope({"items": [_ROW], "page": 1, "page_size": 20, "total": 1}),
        refusals=("400",),
        note=_LIMITED,
    ),
    "GET /api/v1/reports/history": Detail(
        query=(
            query("ecosystem", "Of this ecosystem."),
            query("name", "Of this package."),
            query("version", "Of this version."),
            query("skip", "How many to leave out.", "integer", minimum=0),
            query("limit", "At most so many.", "integer", minimum=1, maximum=1000, default=100),
        ),
        example=envelope({"items": [{"report_id": 7, "outcome": "clean", "score": 3}]}),
        refusals=("400",),
    ),
    "GET /api/v1/reports/{id}": Detail(
        query=(_FORMAT,),
        example=_DOCUMENT,
        note="The document itself, byte for byte what its SHA-256 and its proof are of: it stands in no envelope.",
    ),
    "GET /api/v1/reports/{a}/diff/{b}": Detail(example=envelope(_DIFF)),
    "GET /api/v1/reports/{id}/triage": Detail(
        example=envelope({"package": "pypi/requests", "findings": []}), refusals=("404",)
    ),
    "PUT /api/v1/reports/{id}/triage/{finding}": Detail(
        body={
            JSON: {
                "schema": {
                    "type": "object",
                    "required": ["state", "reason"],
                    "properties": {
                        "state": {"type": "string", "enum": ["reviewed", "suppressed"]},
                        "reason": {"type": "string", "minLength": 1, "maxLength": 2000},
                        "days": {"type": "integer", "minimum": 1, "maximum": 3650},
                    },
                },
                "example": {"state": "suppressed", "reason": "It is our own telemetry.", "days": 90},
            }
        },
        example=envelope(_MARKED),
        refusals=("400", "404"),
    ),
    "DELETE /api/v1/reports/{id}/triage/{finding}": Detail(example=envelope(_MARKED), refusals=("404",)),
    "POST /api/v1/reports/{id}/rescore": Detail(
        example=envelope({"report": _MARKED["report"]}), refusals=("404", "503")
    ),
    "GET /api/v1/reports/{id}/attachments": Detail(example=envelope({"items": []})),
    "GET /api/v1/reports/{id}/buffers/{digest}": Detail(media="application/octet-stream"),
    "GET /api/v1/queue/status": Detail(
        query=(query("limit", "How many waiting tasks to list.", "integer", minimum=0, maximum=10_000, default=100),),
        example=envelope(
            {"queue_length": 0, "running_tasks": [], "queued_tasks": [], "truncated": False, "capacity": 2}
        ),
        refusals=("400",),
    ),
    "GET /api/v1/timeout/status": Detail(example=envelope(_TIMEOUTS)),
    "POST /api/v1/timeout/check": Detail(example=envelope({"message": "Timeout check completed", "status": _TIMEOUTS})),
    "POST /api/v1/upload": Detail(
        body=_FORM, statuses={"202": "It is queued.", "200": "This file is known."}, example=envelope(_NEW)
    ),
    "POST /upload_sample": Detail(
        body=_FORM, statuses={"202": "It is queued.", "200": "This file is known."}, example=envelope(_NEW)
    ),
    "GET /media/reports/{ecosystem}/{path:.+}": Detail(
        query=(_FORMAT,), example=_DOCUMENT, note="`path` is `<name>/<version>.json`; any name, scopes and groups too."
    ),
    "GET /reports/{ecosystem}/{path:.+}": Detail(query=(_FORMAT,), example=_DOCUMENT),
    "GET /reports/sha256/{digest}.json": Detail(query=(_FORMAT,), example=_DOCUMENT),
    "GET /get_report/{id}": Detail(
        example={"package_name": "requests", "package_version": "2.32.3", "report_data": {}}
    ),
    "GET /get_all_report": Detail(
        query=(
            query("page", "From 1.", "integer", minimum=1, default=1),
            query("page_size", "At most so many.", "integer", minimum=1, maximum=1000, default=1000),
        ),
        example={"7": {"id": 7, "package_name": "requests", "package_version": "2.32.3", "ecosystem": "pypi"}},
        refusals=("400",),
    ),
}
