"""Erasure: an administrator has a check's payload forgotten; its record and proof stand."""

from __future__ import annotations

import json

from aiohttp import web

from pumpkin import eraser
from pumpkin.errors import InvalidRequest
from pumpkin.web.api.checks import check_id
from pumpkin.web.envelope import success
from pumpkin.web.guard import Identity, require, require_csrf
from pumpkin.web.limits import SMALL_BODY, body
from pumpkin.web.services import SERVICES


async def erase(request: web.Request) -> web.Response:
    """`POST /api/v1/checks/<id>/erase`: forget the payload; `{"reason"}` stands in the log."""
    asker = require(request, "admin")
    require_csrf(request, None)
    reason = _reason(await body(request, SMALL_BODY))
    services = request.app[SERVICES]
    number = check_id(request)
    seq = await eraser.erase(services.db, number, who=source(asker), reason=reason, receive=services.receive)
    return success(request, {"id": str(number), "seq": seq})


def source(asker: Identity) -> str:
    """The asker as the agent of a record."""
    return f"key:{asker.name}" if asker.kind == "key" else f"user:{asker.name}"


def _reason(body: bytes) -> str:
    try:
        given = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        raise InvalidRequest("The body is not JSON.") from None
    reason = given.get("reason", "") if isinstance(given, dict) else None
    if not isinstance(reason, str) or len(reason) > 1_000:
        raise InvalidRequest("reason is a text of at most 1,000 characters.", fields={"reason": "not a text"})
    return reason
