"""What the OpenAPI document says of alerts, rules, silences and maintenance windows."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from pumpkin.web.api.alerts import Hush, Planned, Remark, Silenced
from pumpkin.web.operations import JSON, UUID, Detail, data, parameter

MODELS: tuple[type[BaseModel], ...] = (Remark, Hush, Silenced, Planned)

_ALERT = {
    "id": UUID,
    "rule": "web-down",
    "kind": "expected",
    "severity": "critical",
    "state": "open",
    "message": "https://shop.example answers 503, not 200",
    "agent": "probe@pumpkin.example",
    "target": "https://shop.example",
    "checks": [{"uuid": UUID, "seq": 41}],
}
_MUTE = {
    "id": 3,
    "kind": "silence",
    "matcher": {"site": ["hall-7"]},
    "starts": "2026-11-21T20:00:00+00:00",
    "ends": "2026-11-21T22:00:00+00:00",
    "reason": "the switch is being replaced",
    "who": "user:otto",
    "holds": True,
}
_PAGED = (
    parameter("limit", "At most so many.", "integer", minimum=1, maximum=500, default=50),
    parameter("cursor", "`next` of the page before."),
)


def _of(model: type[BaseModel], example: Any) -> dict[str, Any]:
    return {JSON: {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}, "example": example}}


def _act(example: Any, *, text: bool = False) -> Detail:
    refusals = ("400", "404") if text else ("404", "409")
    return Detail(body=_of(Remark, {"text": "it is the disk"}), example=data(example), refusals=refusals)


DETAILS: dict[str, Detail] = {
    "GET /api/v1/alerts": Detail(
        query=(
            parameter("state", "How it stands.", enum=["standing", "open", "acknowledged", "resolved"]),
            parameter("severity", "How bad it is.", enum=["info", "warning", "critical"]),
            parameter("rule", "Exactly this rule."),
            parameter("agent", "About exactly this agent."),
            parameter("target", "About exactly this target."),
            *_PAGED,
        ),
        example=data({"items": [_ALERT], "next": None}),
        refusals=("400",),
    ),
    "GET /api/v1/alerts/{id}": Detail(
        example=data({**_ALERT, "events": [{"event": "opened", "at": "...", "who": "rule", "check": UUID, "seq": 42}]})
    ),
    "POST /api/v1/alerts/{id}/acknowledge": _act({**_ALERT, "state": "acknowledged"}),
    "POST /api/v1/alerts/{id}/resolve": _act({**_ALERT, "state": "resolved"}),
    "POST /api/v1/alerts/{id}/comment": _act(_ALERT, text=True),
    "POST /api/v1/alerts/{id}/silence": Detail(
        body=_of(Hush, {"lasts": "2h", "reason": "known"}),
        statuses={"201": "Silenced."},
        example=data(_MUTE),
        refusals=("400", "404"),
    ),
    "GET /api/v1/rules": Detail(
        example=data(
            {
                "state": "running",
                "file": "alerts.toml",
                "error": None,
                "faults": [],
                "behind": 0,
                "rules": [{"name": "web-down", "kind": "expected", "groups": 3, "firing": 0, "standing": 0}],
            }
        ),
        note="`faults` names what is wrong with the newest file: code, line, rule, field, message.",
    ),
    "POST /api/v1/rules/reload": Detail(statuses={"202": "Asked."}, example=data({"asked": True})),
    "GET /api/v1/silences": Detail(query=_PAGED, example=data({"items": [_MUTE], "next": None}), refusals=("400",)),
    "POST /api/v1/silences": Detail(
        body=_of(Silenced, {"matcher": {"site": "hall-7"}, "lasts": "2h", "reason": "the switch is being replaced"}),
        statuses={"201": "Silenced."},
        example=data(_MUTE),
        refusals=("400",),
    ),
    "DELETE /api/v1/silences/{n}": Detail(example=data({**_MUTE, "holds": False})),
    "GET /api/v1/maintenance": Detail(
        query=_PAGED, example=data({"items": [{**_MUTE, "kind": "maintenance"}], "next": None}), refusals=("400",)
    ),
    "POST /api/v1/maintenance": Detail(
        body=_of(
            Planned,
            {
                "matcher": {"tag": "backup"},
                "starts": "2026-11-21T00:00:00Z",
                "ends": "2027-11-21T00:00:00Z",
                "cron": "0 3 * * 0",
                "lasts": "2h",
                "zone": "Europe/Luxembourg",
                "reason": "the weekly backup",
            },
        ),
        statuses={"201": "Planned."},
        example=data({**_MUTE, "kind": "maintenance", "cron": "0 3 * * 0"}),
        refusals=("400",),
    ),
    "DELETE /api/v1/maintenance/{n}": Detail(example=data({**_MUTE, "kind": "maintenance", "holds": False})),
}
