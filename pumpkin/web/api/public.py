"""What anyone may read where the settings say so: how this installation is, and the proof of one check."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from aiohttp import web

from pumpkin.errors import NotFound
from pumpkin.model.checks import Check
from pumpkin.model.wire import rfc3339
from pumpkin.store import checks, faults, overview
from pumpkin.web.envelope import success
from pumpkin.web.services import SERVICES, Services

KEPT_S = 5.0
_KEPT = web.AppKey("public_status", dict[str, Any])


def setup(app: web.Application) -> None:
    """Make room for the answer that is kept between askers."""
    app[_KEPT] = {}


async def status(request: web.Request) -> web.Response:
    """`GET /api/v1/public/status`: how this installation is; 404 unless the settings open it."""
    return success(request, await told(request))


async def told(request: web.Request) -> dict[str, Any]:
    """The status, at most five seconds old, so that strangers cost one look. NotFound where it is closed."""
    services, kept = request.app[SERVICES], request.app[_KEPT]
    if not services.public.status:
        raise NotFound
    if kept.get("until", 0.0) < time.monotonic():
        kept["told"] = await _look(services)
        kept["until"] = time.monotonic() + KEPT_S
    found: dict[str, Any] = kept["told"]
    return found


async def _look(services: Services) -> dict[str, Any]:
    db = services.db
    heads, agents, board = await overview.heads(db), await overview.agent_outline(db), services.board()
    known = [one["jid"] for one in agents if one["state"] == "approved"]
    shows = [board.agents[jid].show for jid in known if jid in board.agents]
    here = sum(1 for show in shows if show != "unavailable")
    stamps = {row["authority"]: row for row in heads.stamps}
    authorities = [
        {
            "name": one.get("name", ""),
            "well": not (one.get("last_error") or one.get("error")),
            "last_stamp": rfc3339(stamps[one["name"]]["gen_time"]) if one.get("name") in stamps else None,
            "self_asserted": bool(one.get("self_asserted")),
        }
        for one in services.authorities()
    ]
    wrong = [f"{len(known) - here:,} of {len(known):,} agents unavailable"] if here < len(known) else []
    wrong += [f"{one['name']} does not stamp" for one in authorities if not one["well"]]
    if await faults.unsettled(db, 1):
        wrong.append("the log is not as it was")
    return {
        "ok": not wrong,
        "wrong": wrong,
        "at": rfc3339(time.time_ns() // 1_000),
        "agents": {"available": here, "known": len(known)},
        "log": {"records": heads.stored, "sealed": heads.sealed},
        "sealed_at": None if heads.sealed_at is None else rfc3339(heads.sealed_at),
        "authorities": authorities,
    }


async def proof(request: web.Request) -> web.Response:
    """`GET /api/v1/public/proof/<id>`: record, path, checkpoint and stamps of a check, without its payload."""
    check = await found(request)
    data = await request.app[SERVICES].proof(check.id)
    return success(request, {**data, "record": check.record.decode("utf-8", "replace")})


async def found(request: web.Request) -> Check:
    """The check the address names; NotFound too where the settings show no proofs."""
    services = request.app[SERVICES]
    try:
        number = UUID(request.match_info["id"])
    except ValueError:
        raise NotFound("There is no proof at this address.") from None
    check = await checks.get(services.db, number) if services.public.proofs else None
    if check is None:
        raise NotFound("There is no proof at this address.")
    return check
