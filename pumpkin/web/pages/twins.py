"""The JSON twins of pages whose values no other address gives: the overview's, the list of analyses."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from pumpkin.model.wire import rfc3339
from pumpkin.web.api.analysis.shapes import listed
from pumpkin.web.envelope import success
from pumpkin.web.guard import require
from pumpkin.web.pages.overview import gathered
from pumpkin.web.pages.packages import recently


async def analyses(request: web.Request) -> web.Response:
    """`GET /api/v1/analyses`: analyses the asker may see, newest first; `q`, `mine=yes`, `before`."""
    require(request, "packages:read")
    _, found, older = await recently(request)
    return success(request, {"items": [listed(request, one) for one in found], "next": older})


async def overview(request: web.Request) -> web.Response:
    """`GET /api/v1/overview`: what is wrong now, who is up, how fast checks come and are proven."""
    require(request, "checks:read")
    found = await gathered(request)
    heads = found["heads"]
    wrong = [
        {
            "kind": one.kind,
            "words": one.words,
            "detail": one.detail,
            "page": one.address,
            "since": None if one.since is None else rfc3339(one.since),
        }
        for one in found["troubles"]
    ]
    shown: dict[str, Any] = {
        "wrong": wrong,
        "more_wrong": found["more_troubles"],
        "agents": {
            "known": found["agents_total"],
            "available": found["agents_up"],
            "unavailable": found["agents_down"],
            "pending": found["pending"],
        },
        "checks": {"last_minute": found["checks_minute"], "last_hour": found["checks_hour"], "stored": heads.stored},
        "proofs": {
            "last_minute": found["proofs_minute"],
            "sealed": heads.sealed,
            "median_s": found["median_proof_s"],
            "self_asserted": found["only_local"],
        },
        "queue": found["queue"],
        "verdicts": [
            {"report_id": one.id, "purl": one.purl, "outcome": one.outcome, "at": rfc3339(one.created)}
            for one in found["verdicts"]
        ],
        "alerts": [one.as_json() for one in found["alerts"]],
    }
    return success(request, shown)
