"""What the OpenAPI document says of the operations on ad hoc modules: parameters, examples."""

from __future__ import annotations

from pumpkin.web.operations import Detail
from pumpkin.web.operations import data as envelope
from pumpkin.web.operations import parameter as query

_MODULE = {
    "name": "soc",
    "kind": "webhook",
    "target": "https://soc.example/…",
    "state": "waiting",
    "queue": 42,
    "delivered": 1207,
    "retries": 3,
    "attempt": 3,
    "dead": 1,
    "last_success": "2026-11-21T14:03:12.000000Z",
    "last_error": "HTTP status 503",
    "next_try": "2026-11-21T14:05:00.000000Z",
}
_LETTER = {
    "id": 7,
    "delivery": "6f0c1a52-7d1e-4c52-9d7a-0d6f3f1b2a11",
    "topic": "report.ready",
    "subject": "malicious: pkg:npm/thing@1.0.0 (score 91 of 100)",
    "seq": 41,
    "reason": "HTTP status 422: unknown field",
    "tries": 1,
    "again": False,
}

DETAILS: dict[str, Detail] = {
    "GET /api/v1/modules": Detail(example=envelope({"items": [_MODULE]})),
    "GET /api/v1/modules/{name}": Detail(
        example=envelope({**_MODULE, "tries": [{"outcome": "failed", "items": 1, "error": "HTTP status 503"}]})
    ),
    "GET /api/v1/modules/{name}/dead": Detail(
        query=(
            query("limit", "At most so many.", "integer", minimum=1, maximum=200, default=50),
            query("cursor", "`next` of the page before.", "integer"),
        ),
        example=envelope({"items": [_LETTER], "next": None}),
        refusals=("400",),
    ),
    "POST /api/v1/modules/{name}/retry": Detail(example=envelope({"retried": 1})),
    "POST /api/v1/modules/{name}/pause": Detail(example=envelope({"paused": True})),
    "POST /api/v1/modules/{name}/resume": Detail(example=envelope({"paused": False})),
    "POST /api/v1/modules/{name}/test": Detail(example=envelope({"ok": True, "error": None, "took_s": 0.08})),
    "POST /api/v1/modules/{name}/dead/{id}/retry": Detail(example=envelope({"retried": 1})),
    "POST /api/v1/modules/{name}/dead/{id}/discard": Detail(example=envelope({"discarded": 7})),
}
