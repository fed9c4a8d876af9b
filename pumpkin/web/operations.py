"""What the OpenAPI document says of each operation beyond its handler's docstring: parameters, bodies, examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from pumpkin.model.checks import STATUSES
from pumpkin.model.shapes import NativeCheck, ScandaleCheck
from pumpkin.web.api.agents import Command, Job, Said
from pumpkin.web.api.events import TOPICS
from pumpkin.web.api.failing import Past

MODELS: tuple[type[BaseModel], ...] = (NativeCheck, ScandaleCheck, Said, Job, Command, Past)
UUID = "8d4bb3e2-6f5c-4c92-9b83-0f1c8a5d7e21"
JSON = "application/json"
OK: Mapping[str, str] = {"200": "As asked."}


@dataclass(frozen=True, slots=True)
class Detail:
    """One operation: query `parameters`, `body` by media type, `statuses` of success, the `example` of its answer,
    further `refusals`, the answer's `media` type and `other_media` it may have, a `note`; `bare` where a 400 may have
    Pack-a-mal's shape."""

    query: Sequence[Mapping[str, Any]] = ()
    body: Mapping[str, Any] = field(default_factory=dict)
    statuses: Mapping[str, str] = field(default_factory=lambda: OK)
    example: Any = None
    refusals: Sequence[str] = ()
    media: str = JSON
    other_media: Sequence[str] = ()
    note: str = ""
    bare: bool = False


def parameter(name: str, text: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": text, "schema": {"type": kind, **more}}


def _of(model: type[BaseModel], example: Any) -> dict[str, Any]:
    return {JSON: {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}, "example": example}}


def data(data: Any) -> dict[str, Any]:
    return {"success": True, "data": data, "request_id": "5f0c6b1e9d2a00000001"}


_CHECK = {"type": "http", "target": "https://host.example", "status": "ok", "payload": {"text": "HTTP/1.1 200 OK"}}
_ITEM = {
    "version": "1",
    "format": "raw",
    "meta": {"uuid": UUID, "ts": 1763690864, "type": "nmap"},
    "payload": {"raw": "SG9zdCBpcyB1cA=="},
}
_STORED = {
    "id": UUID,
    "seq": 41,
    "state": "stored",
    "url": f"/api/v1/checks/{UUID}",
    "proof_url": f"/api/v1/checks/{UUID}/proof",
}
_RANGE = (
    parameter("since", "Observed at or after: RFC 3339 or seconds since 1970."),
    parameter("until", "Observed before."),
)
_TOKEN = {"tst": "MIIE...", "scan_uuid": UUID}
_PAGED = (
    parameter("skip", "How many to leave out.", "integer", minimum=0, default=0),
    parameter("limit", "At most so many.", "integer", minimum=0, maximum=1000, default=100),
)

DETAILS: dict[str, Detail] = {
    "POST /api/v1/checks": Detail(
        body={
            **_of(NativeCheck, _CHECK),
            "application/x-ndjson": {
                "schema": {"type": "string", "description": "One check a line; at most 1,000 lines or 16 MiB."},
                "example": '{"type": "ping", "payload": {"text": "1.2 ms"}}\n' * 2,
            },
        },
        statuses={"201": "Stored durably.", "200": "This id with equal content is known; or the answer to a batch."},
        example=data(_STORED),
        refusals=("409", "503"),
        note="SCANDALE's shape is taken here too.",
    ),
    "GET /api/v1/checks": Detail(
        query=(
            parameter("type", "Exactly this type."),
            parameter("agent", "A bare JID or key:<prefix>."),
            parameter("target", "Exactly this target."),
            parameter("status", "How the probe judged it.", enum=list(STATUSES)),
            *_RANGE,
            parameter("q", "Looked for in target, type and agent."),
            parameter("limit", "At most so many.", "integer", minimum=1, maximum=1000, default=50),
            parameter("cursor", "`next` of the page before."),
        ),
        example=data({"items": [{"id": UUID, "seq": 41, "type": "http", "status": "ok"}], "next": None}),
        refusals=("400",),
        note="Labels filter by `label.<name>=<value>`.",
    ),
    "GET /api/v1/checks/{id}": Detail(example=data({"id": UUID, "seq": 41, "state": "stamped"})),
    "GET /api/v1/checks/{id}/payload": Detail(media="application/octet-stream"),
    "GET /api/v1/checks/{id}/proof": Detail(
        example=data({"leaf_hash": "9f...", "index": 41, "size": 42, "path": ["3c..."], "stamps": []})
    ),
    "GET /api/v1/checks/{id}/bundle": Detail(media="application/zip"),
    "GET /api/v1/reports/{id}/bundle": Detail(media="application/zip", refusals=("404",)),
    "GET /api/v1/bundle": Detail(
        query=(parameter("ids", "UUIDs with commas between."), *_RANGE),
        media="application/zip",
        refusals=("400", "404"),
    ),
    "GET /api/v1/checks/{id}/series": Detail(
        query=(
            parameter("field", "Only this number, as `fields` names it."),
            parameter("limit", "At most so many results.", "integer", minimum=1, maximum=500, default=60),
        ),
        example=data(
            {
                "fields": ["latency_ms", "disk.free"],
                "points": [{"check": UUID, "seq": 41, "status": "ok", "numbers": {"latency_ms": 12.0}}],
            }
        ),
    ),
    "GET /api/v1/overview": Detail(
        example=data({"wrong": [], "more_wrong": 0, "agents": {"known": 3, "available": 3}, "alerts": []})
    ),
    "GET /api/v1/analyses": Detail(
        query=(
            parameter("q", "Part of a package URL."),
            parameter("mine", "`yes` for the asker's own."),
            parameter("before", "`next` of the page before."),
        ),
        example=data({"items": [], "next": None}),
    ),
    "GET /api/v1/log": Detail(
        query=(
            parameter("checkpoints_before", "Checkpoints of fewer records.", "integer", minimum=0),
            parameter("stamps_before", "Stamps with a lower id.", "integer", minimum=0),
        ),
        example=data({"stored": 42, "sealed": 42, "checkpoints": [], "stamps": [], "witnesses": [], "faults": []}),
    ),
    "GET /api/v1/stamps/{id}": Detail(
        example=data({"id": 7, "authority": "local", "gen_time": "2026-11-21T02:47:44Z", "verdict": {"ok": True}})
    ),
    "GET /api/v1/stamps/{id}/{part}": Detail(
        media="application/timestamp-reply",
        other_media=(
            "application/timestamp-query",
            "application/vnd.etsi.timestamp-token",
            "application/pem-certificate-chain",
        ),
    ),
    "GET /api/v1/failing": Detail(
        query=(
            parameter("status", "Only these.", enum=["critical", "warning"]),
            parameter("agent", "A bare JID or key:<prefix>."),
            parameter("q", "Looked for in agent, type and target."),
            parameter("limit", "At most so many.", "integer", minimum=1, maximum=1000, default=100),
            parameter("cursor", "`next` of the page before."),
        ),
        example=data(
            {
                "items": [{"series": UUID, "agent": "probe@host", "type": "http", "status": "critical", "times": 3}],
                "next": None,
                "critical": 1,
                "warning": 0,
            }
        ),
        refusals=("400",),
    ),
    "POST /api/v1/failing/{series}/let-go": Detail(body=_of(Past, {"last": 41}), refusals=("404",)),
    "GET /api/v1/authorities": Detail(
        example=data(
            {
                "items": [{"name": "local", "self_asserted": True, "state": "ok", "pending": 0, "alerts": []}],
                "stamping": {"mode": "all", "quorum": 1, "of": 1, "well": 1, "alerts": []},
            }
        )
    ),
    "GET /api/v1/sandbox": Detail(
        example=data(
            {
                "unavailable": "",
                "engines": [{"address": "unix:///run/docker.sock", "engine": "docker 20.10", "slots": 2}],
            }
        )
    ),
    "GET /api/v1/log/key": Detail(
        example=data({"key": "pumpkin.example/log+0a1b2c3d+AQ...", "origin": "pumpkin.example/log"})
    ),
    "GET /api/v1/log/inclusion": Detail(
        query=(
            {**parameter("id", "The check.", format="uuid"), "required": True},
            parameter("size", "The tree's size; the newest checkpoint's if absent.", "integer", minimum=1),
        ),
        example=data({"id": UUID, "index": 41, "size": 42, "leaf_hash": "9f...", "path": ["3c..."]}),
        refusals=("400", "404"),
    ),
    "GET /api/v1/log/consistency": Detail(
        query=(
            parameter("from", "The smaller tree's size.", "integer", minimum=0, default=0),
            parameter("to", "The larger's; the newest checkpoint's if absent.", "integer", minimum=0),
        ),
        example=data({"from": 40, "to": 42, "path": ["3c..."]}),
        refusals=("400", "404"),
    ),
    "POST /api/v1/checks/{id}/erase": Detail(example=data({"id": UUID, "seq": 41}), refusals=("400", "404")),
    "GET /api/v1/log/witnesses": Detail(
        example=data(
            {
                "items": [
                    {
                        "witness": "probe@pumpkin.example",
                        "vkey": "probe@...+0a1b2c3d+BA...",
                        "kind": "probe",
                        "size": 42,
                    }
                ]
            }
        )
    ),
    "GET /api/v1/log/faults": Detail(
        example=data(
            {"items": [{"n": 1, "kind": "leaf", "position": 41, "source": "audit", "detail": {}, "settled": None}]}
        )
    ),
    "POST /api/v1/log/faults/{n}/settle": Detail(example=data({"settled": 1}), refusals=("404",)),
    "GET /log/cosigned": Detail(media="text/plain", refusals=("404",)),
    "GET /log/checkpoint": Detail(
        media="text/plain",
        example="pumpkin.example/log\n42\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        refusals=("404",),
    ),
    "GET /log/checkpoints/{size}": Detail(media="text/plain"),
    "GET /log/tile/{level}/{n:.+}": Detail(
        media="application/octet-stream", note="`level` is 0 to 7, or `entries` for the records themselves."
    ),
    "GET /api/v1/agents": Detail(
        query=(
            parameter("state", "Of the registry.", enum=["pending", "approved", "revoked"]),
            parameter("duty", "Has this duty."),
            parameter("show", "Is so now.", enum=["available", "unavailable"]),
            parameter("q", "Its name or site holds this."),
            parameter("tag", "Bears this tag."),
            parameter("limit", "At most so many.", "integer", minimum=1, maximum=1000, default=100),
            parameter("cursor", "`next` of the page before."),
        ),
        example=data({"items": [{"jid": "probe@pumpkin.example", "state": "approved"}]}),
        refusals=("400",),
    ),
    "GET /api/v1/agents/{jid}": Detail(example=data({"jid": "probe@pumpkin.example", "state": "approved"})),
    "GET /api/v1/agents/{jid}/messages": Detail(
        query=(
            parameter("limit", "At most so many.", "integer", minimum=1, maximum=500, default=50),
            parameter("cursor", "`next` of the page before."),
        ),
        example=data({"items": [], "next": None}),
    ),
    "GET /api/v1/agents/{jid}/commands": Detail(
        example=data({"items": [{"node": "uptime", "name": "Uptime"}]}), refusals=("503",)
    ),
    "GET /api/v1/agents/{jid}/view": Detail(
        example=data({"jid": "probe@host", "answer": {"status": "completed", "form": {"fields": [], "rows": []}}}),
        refusals=("503",),
    ),
    "POST /api/v1/agents/{jid}/revoke": Detail(refusals=("409", "503")),
    "POST /api/v1/agents/{jid}/subscribe": Detail(statuses={"202": "Asked."}, refusals=("503",)),
    "POST /api/v1/agents/{jid}/unsubscribe": Detail(statuses={"202": "Asked."}, refusals=("503",)),
    "POST /api/v1/agents/{jid}/run": Detail(
        body=_of(Job, {"job": "ping"}), statuses={"202": "Asked."}, refusals=("503",)
    ),
    "POST /api/v1/agents/{jid}/message": Detail(
        body=_of(Said, {"body": "hello", "metadata": {"performative": "inform"}}),
        statuses={"202": "Sent."},
        refusals=("503",),
    ),
    "POST /api/v1/agents/{jid}/command": Detail(body=_of(Command, {"node": "run-now"}), refusals=("503",)),
    "GET /api/v1/events": Detail(
        query=(
            parameter("topics", f"With commas between: {', '.join(TOPICS)}.", examples=["check.stored,proof.stamped"]),
            parameter("since", "The id of the last event seen; or the header Last-Event-ID."),
        ),
        statuses={"200": "A stream of server-sent events.", "101": "A websocket, where one is asked for."},
        media="text/event-stream",
        example='id: 7\nevent: check.stored\ndata: {"topic": "check.stored", "id": 7, "data": {}}\n\n',
    ),
    "GET /pubsub": Detail(
        statuses={"101": "The websocket of fastapi_websocket_pubsub's clients."},
        refusals=("400",),
        note="Topics `scan` and `tst`, and those of `/api/v1/events`.",
    ),
    "POST /items": Detail(
        body=_of(ScandaleCheck, _ITEM),
        statuses={"200": "Stored durably."},
        example={"scan_data": _ITEM, "id": UUID, "seq": 41, "proof_url": f"/api/v1/checks/{UUID}/proof"},
        refusals=("409", "503"),
    ),
    "GET /items": Detail(
        query=(*_PAGED, parameter("q", "Equals payload.raw.")), example=[{"scan_data": _ITEM}], refusals=("422",)
    ),
    "GET /items/{id}": Detail(
        example={"scan_data": _ITEM},
        refusals=("422",),
    ),
    "POST /TimeStampTokens": Detail(
        query=(parameter("scan_uuid", "The check, where the body is a raw reply or token.", format="uuid"),),
        body={
            JSON: {
                "schema": {
                    "type": "object",
                    "required": ["tst", "scan_uuid"],
                    "properties": {
                        "tst": {"type": "string", "contentEncoding": "base64"},
                        "scan_uuid": {"type": "string", "format": "uuid"},
                    },
                },
                "example": _TOKEN,
            },
            "text/plain": {
                "schema": {"type": "string"},
                "example": f"{{'tst': b'0\\x82...', 'scan_uuid': '{UUID}'}}",
            },
            "application/timestamp-reply": {"schema": {"type": "string", "format": "binary"}},
        },
        example=_TOKEN,
        refusals=("404", "409"),
        note="The token is verified before it is stored.",
    ),
    "GET /TimeStampTokens": Detail(query=_PAGED, example=[_TOKEN], refusals=("422",)),
    "GET /TimeStampTokens/{uuid}": Detail(example=_TOKEN, refusals=("422",)),
    "GET /TimeStampTokens/token/{uuid}": Detail(
        query=(parameter("form", "`reply` for the whole TimeStampResp.", enum=["token", "reply"]),),
        media="application/vnd.etsi.timestamp-token",
        other_media=("application/timestamp-reply",),
        refusals=("422",),
    ),
    "GET /TimeStampTokens/check/{uuid}": Detail(example={"validity": True, "code": "ok"}, refusals=("422",)),
    "GET /TimeStampTokens/get_timestamp/{uuid}": Detail(
        example={
            "timestamp": "2026-11-21T02:47:44.350616",
            "timestamp_utc": "2026-11-21T02:47:44.350616Z",
            "accuracy": 1.0,
            "tsa": "local",
            "not_before": None,
        },
        refusals=("422",),
    ),
    "GET /system/stats": Detail(example={"dbsize": {"scans": 42, "tst": 41}}),
    "GET /system/info": Detail(example={"python_version": "3.11.2", "version": "0.1.0", "version_url": "/docs"}),
    "POST /tsa": Detail(
        body={"application/timestamp-query": {"schema": {"type": "string", "format": "binary"}}},
        media="application/timestamp-reply",
        refusals=("404", "415"),
    ),
    "GET /tsa/root.pem": Detail(media="application/x-pem-file", refusals=("404",)),
    "GET /health": Detail(example={"status": "ok"}),
    "GET /ready": Detail(example={"status": "ready"}, refusals=("503",)),
    "GET /metrics": Detail(media="text/plain"),
    "GET /docs": Detail(media="text/html"),
}
