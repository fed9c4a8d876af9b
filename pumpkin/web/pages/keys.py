"""API keys: made here and shown once, listed, revoked."""

from __future__ import annotations

import time
from uuid import UUID

from aiohttp import web

from pumpkin.errors import NotFound
from pumpkin.model.access import SCOPES
from pumpkin.store import audit, keys
from pumpkin.web.bodies import posted
from pumpkin.web.edge import AUTHENTICATOR
from pumpkin.web.guard import identity
from pumpkin.web.pages.render import act, page, read
from pumpkin.web.services import SERVICES

NAME_LIMIT = 100


def setup(app: web.Application) -> None:
    """Register `/settings/keys` and what is done with one."""
    app.router.add_get("/settings/keys", index)
    app.router.add_post("/settings/keys", create)
    app.router.add_post("/settings/keys/{id}/revoke", revoke)
    app.router.add_post("/settings/keys/{id}/rotate", rotate)


@read("admin")
async def index(request: web.Request) -> web.Response:
    """All keys, without their secrets."""
    return await _list(request)


async def create(request: web.Request) -> web.Response:
    """Make a key and show its text, the only time it can be read."""
    await act(request, "admin")
    form = await posted(request)
    name = str(form.get("name", "")).strip()
    scopes = tuple(scope for scope in SCOPES if scope in form.getall("scope", []))
    rate, days = str(form.get("rate", "")), str(form.get("days", ""))
    faults = {}
    if not 0 < len(name) <= NAME_LIMIT:
        faults["name"] = f"A name has from 1 to {NAME_LIMIT} characters."
    if not scopes:
        faults["scope"] = "A key without a scope opens nothing; choose one."
    if not (rate.isascii() and rate.isdigit() and 0 < int(rate[:9]) <= 1_000_000):
        faults["rate"] = "A whole number from 1 to 1,000,000."
    if days and not (days.isascii() and days.isdigit() and 0 < int(days[:9]) <= 3_650):
        faults["days"] = "A whole number of days up to 3,650, or empty."
    if faults:
        typed: dict[str, object] = {"name": name[:NAME_LIMIT], "scopes": scopes, "rate": rate[:9], "days": days[:5]}
        return await _list(request, faults=faults, typed=typed, status=400)
    expires = (time.time_ns() // 1_000 + int(days) * 86_400_000_000) if days else None
    db = request.app[SERVICES].db
    key, text = await keys.create(db, name=name, scopes=scopes, rate=int(rate), expires=expires)
    await audit.add(
        db, who=identity(request).name, act="key.created", object=f"key:{key.prefix}", detail={"scopes": list(scopes)}
    )
    return await _list(request, made=text)


async def revoke(request: web.Request) -> web.Response:
    """Revoke a key now."""
    await act(request, "admin")
    try:
        number = UUID(request.match_info["id"])
    except ValueError:
        raise NotFound("There is no key with this id.") from None
    db = request.app[SERVICES].db
    await keys.revoke(db, number)
    request.app[AUTHENTICATOR].forget()
    await audit.add(db, who=identity(request).name, act="key.revoked", object=f"key:{number}", detail={})
    raise web.HTTPSeeOther("/settings/keys")


async def rotate(request: web.Request) -> web.Response:
    """Replace a key: its successor has its scopes, limit, tasks and reports, and is shown this once."""
    await act(request, "admin")
    try:
        number = UUID(request.match_info["id"])
    except ValueError:
        raise NotFound("There is no key with this id.") from None
    db = request.app[SERVICES].db
    key, text = await keys.rotate(db, number)
    request.app[AUTHENTICATOR].forget()
    await audit.add(db, who=identity(request).name, act="key.rotated", object=f"key:{key.prefix}", detail={})
    return await _list(request, made=text)


async def _list(
    request: web.Request,
    *,
    made: str = "",
    faults: dict[str, str] | None = None,
    typed: dict[str, object] | None = None,
    status: int = 200,
) -> web.Response:
    values = {
        "here": "keys",
        "twin": "/api/v1/keys",
        "keys": await keys.listed(request.app[SERVICES].db),
        "scopes": SCOPES,
        "made": made,
        "faults": faults or {},
        "typed": typed or {"name": "", "scopes": ("checks:write",), "rate": "100", "days": ""},
        "now": time.time_ns() // 1_000,
    }
    return page(request, "keys.html", values, status=status)
