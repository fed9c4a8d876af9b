"""What the OpenAPI document says of the fleet's operations: enrolment, jobs, shared lists."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from pumpkin.web.api.jobs import Assigned, Listed, Question, Replaced
from pumpkin.web.api.pools import Invited, Pooled
from pumpkin.web.api.updates import Told
from pumpkin.web.enrolling import Wanted
from pumpkin.web.operations import JSON, UUID, Detail, data, parameter

MODELS: tuple[type[BaseModel], ...] = (Assigned, Replaced, Listed, Question, Pooled, Invited, Told, Wanted)

_JOB = {"use": "tls", "target": "www.example.org:443", "period": 3600}
_ASSIGNED = {"id": 7, "name": "tls#7", "job": _JOB, "targets": {"tags": ["web"]}, "made_by": "ada", "ended": None}
_LIMIT = parameter("limit", "At most so many.", "integer", minimum=1, maximum=500, default=50)
_CURSOR = parameter("cursor", "`next` of the page before.")
_ORDER = {
    "jid": "probe@pumpkin.example",
    "version": 3,
    "document": '{"agent": ...}',
    "signature": "9f...",
    "running": 3,
    "drift": "",
    "succession": [],
}


def _of(model: type[BaseModel], example: Any) -> dict[str, Any]:
    return {JSON: {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}, "example": example}}


DETAILS: dict[str, Detail] = {
    "GET /enroll/{token}": Detail(media="text/x-shellscript", refusals=("404", "409", "429", "503")),
    "GET /enroll/{token}/kit/{name}": Detail(media="application/gzip", refusals=("404", "409", "429", "503")),
    "POST /enroll/{token}": Detail(
        body=_of(
            Wanted,
            {
                "name": "roof",
                "password": "sixteen letters at least",
                "signing_key": {"public": "9f..."},
                "host": "roof",
            },
        ),
        statuses={"201": "It has an account, and waits for approval unless the invitation lets it in."},
        example=data({"jid": "roof@pumpkin.example", "state": "pending", "xmpp": {"host": "pumpkin.example"}}),
        refusals=("400", "404", "409", "429"),
    ),
    "DELETE /api/v1/agents/{jid}": Detail(
        example=data({"jid": "probe@pumpkin.example", "state": "revoked"}), refusals=("404", "409", "503")
    ),
    "GET /api/v1/agents/{jid}/jobs": Detail(
        query=(parameter("version", "What the agent that asks for its own runs.", "integer", minimum=0, default=0),),
        example=data(_ORDER),
        refusals=("404", "503"),
        note="An agent reads its own with its XMPP account by Basic.",
    ),
    "PUT /api/v1/agents/{jid}/jobs": Detail(
        body=_of(Listed, {"jobs": [_JOB]}),
        example=data({"jid": "probe@pumpkin.example", "jobs": [7]}),
        refusals=("400", "404"),
    ),
    "POST /api/v1/agents/ask": Detail(
        body=_of(Question, {"duty": "web", "agents": 2, "about": {"type": "http", "target": "https://host.example"}}),
        example=data({"answers": [{"agent": "b@pumpkin.example", "channel": "xmpp", "status": "ok", "agrees": True}]}),
        refusals=("400", "404", "503"),
        note="An approved agent asks with its XMPP account by Basic; people need `agents:write`.",
    ),
    "POST /api/v1/agents/update": Detail(
        body=_of(Told, {"targets": {"tags": ["roof"]}}),
        example=data(
            {"version": "0.1.0", "kits": {"cpython-311-linux-x86_64-glibc": "9f..."}, "agents": ["a@b.example"]}
        ),
        refusals=("400", "404", "503"),
        note="Each probe tries it once; its page, and `GET /api/v1/agents/{jid}`, show what came of it.",
    ),
    "GET /api/v1/kits/{sha256}": Detail(media="application/gzip", refusals=("404", "503")),
    "POST /api/v1/jobs": Detail(
        body=_of(Assigned, {"targets": {"tags": ["web"]}, "job": _JOB}),
        statuses={"201": "It stands; those who are here are told, the others when they come back."},
        example=data({"id": 7, "name": "tls#7"}),
        refusals=("400",),
    ),
    "GET /api/v1/jobs": Detail(
        query=(parameter("standing", "`true` or `false`: only those that stand, or do not."), _LIMIT, _CURSOR),
        example=data({"items": [_ASSIGNED], "next": None}),
        refusals=("400",),
    ),
    "GET /api/v1/jobs/{id}": Detail(
        example=data({**_ASSIGNED, "agents": [{"jid": "probe@pumpkin.example", "check": UUID, "status": "ok"}]}),
        refusals=("404",),
    ),
    "PUT /api/v1/jobs/{id}": Detail(
        body=_of(Replaced, {"job": _JOB}), example=data({"id": 7, "name": "tls#7"}), refusals=("400", "404")
    ),
    "DELETE /api/v1/jobs/{id}": Detail(example=data({"id": 7, "ended": True}), refusals=("404",)),
    "GET /api/v1/pools": Detail(example=data({"items": [{"name": "sites", "duty": "web", "waiting": 12, "done": 3}]})),
    "GET /api/v1/pools/{name}": Detail(
        query=(_LIMIT, _CURSOR),
        example=data({"items": [{"id": 1, "state": "done", "agent": "probe@pumpkin.example"}], "next": None}),
        refusals=("400", "404"),
    ),
    "POST /api/v1/pools/{name}": Detail(
        body=_of(Pooled, {"duty": "web", "jobs": [{"use": "tls", "target": "www.example.org:443"}]}),
        statuses={"201": "They wait for an agent of that duty."},
        example=data({"name": "sites", "added": 1}),
        refusals=("400", "404", "409"),
    ),
    "DELETE /api/v1/pools/{name}": Detail(example=data({"name": "sites", "dropped": True}), refusals=("404",)),
    "GET /api/v1/invitations": Detail(example=data({"items": [{"id": "9f...", "uses": 1, "note": "roof"}]})),
    "POST /api/v1/invitations": Detail(
        body=_of(Invited, {"tags": ["roof"], "site": "roof", "hours": 1}),
        statuses={"201": "The line; its token is shown this once."},
        example=data({"token": "...", "url": "https://pumpkin.example:8443", "line": "curl ... | sh", "hours": 1}),
        refusals=("400",),
    ),
    "DELETE /api/v1/invitations/{id}": Detail(example=data({"id": "9f...", "ended": True}), refusals=("404",)),
    "GET /api/v1/parsers": Detail(example=data({"items": [{"name": "nmap", "version": 1, "schema": {}}]})),
}
