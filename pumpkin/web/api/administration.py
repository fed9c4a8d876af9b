"""What administrators read besides the pages: people and their sessions, keys, settings in force, the audit trail."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from pumpkin.errors import Forbidden
from pumpkin.model.wire import rfc3339
from pumpkin.store import audit, people, sessions
from pumpkin.store import keys as key_rows
from pumpkin.web.api.checks import choice, only, text_or_none, whole
from pumpkin.web.envelope import success
from pumpkin.web.guard import identity, require
from pumpkin.web.services import SERVICES


def _when(micros: int | None) -> str | None:
    return None if micros is None else rfc3339(micros)


async def everybody(request: web.Request) -> web.Response:
    """`GET /api/v1/people`: everybody by name, with role and whether a second factor is set."""
    require(request, "admin")
    found = await people.everybody(request.app[SERVICES].db)
    items = [
        {
            "name": one.name,
            "role": one.role,
            "created": _when(one.created),
            "must_change": one.must_change,
            "disabled": one.disabled,
            "totp": one.totp,
            "openid": one.openid,
        }
        for one in found
    ]
    return success(request, {"items": items})


async def living(request: web.Request) -> web.Response:
    """`GET /api/v1/sessions`: the asker's living sessions; `all=true` everybody's, for administrators."""
    asker = identity(request)
    wide = choice(request.query, "all", ("true", "false")) == "true"
    if wide:
        require(request, "admin")
    elif asker.kind not in ("person", "basic"):
        require(request, "checks:read")
        raise Forbidden("A key has no sessions; ask with all=true.")
    found = await sessions.listed(request.app[SERVICES].db, None if wide else asker.name)
    items = [
        {
            "id": str(one.handle),
            "name": one.name,
            "created": _when(one.created),
            "expires": _when(one.expires),
            "seen": _when(one.seen),
            "from": one.source,
            "client": one.client,
            "this": one.handle == asker.session,
        }
        for one in found
    ]
    return success(request, {"items": items})


async def keys(request: web.Request) -> web.Response:
    """`GET /api/v1/keys`: all API keys without their secrets."""
    require(request, "admin")
    items = [
        {
            "id": str(one.id),
            "name": one.name,
            "prefix": one.prefix,
            "scopes": list(one.scopes),
            "rate": one.rate,
            "created": _when(one.created),
            "expires": _when(one.expires),
            "revoked": _when(one.revoked),
            "last_used": _when(one.last_used),
        }
        for one in await key_rows.listed(request.app[SERVICES].db)
    ]
    return success(request, {"items": items})


async def settings(request: web.Request) -> web.Response:
    """`GET /api/v1/settings`: each setting in force with its value and where that comes from; secrets are hidden."""
    require(request, "admin")
    return success(request, dict(request.app[SERVICES].settings_public))


async def trail(request: web.Request) -> web.Response:
    """`GET /api/v1/audit`: who did what, newest first; `who`, `act` (its beginning), `object`, `before`, `limit`."""
    require(request, "admin")
    query = request.query
    only(query, "who", "act", "object", "before", "limit")
    limit = whole(query, "limit", 100, least=1, most=1_000)
    found = await audit.page(
        request.app[SERVICES].db,
        who=text_or_none(query, "who"),
        act=text_or_none(query, "act"),
        object=text_or_none(query, "object"),
        before=whole(query, "before", 2**62, least=0, most=2**62),
        limit=limit + 1,
    )
    items: list[dict[str, Any]] = [
        {"n": one.n, "at": _when(one.at), "who": one.who, "act": one.act, "object": one.object, "detail": one.detail}
        for one in found[:limit]
    ]
    return success(request, {"items": items, "next": items[-1]["n"] if len(found) > limit else None})
