"""The audit trail: who did what, newest first, filtered by person, act and thing."""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web

from pumpkin.store import audit
from pumpkin.web.pages.render import asked, page, read
from pumpkin.web.services import SERVICES

ROWS = 100


def setup(app: web.Application) -> None:
    """Register `/settings/audit`."""
    app.router.add_get("/settings/audit", show)


@read("admin")
async def show(request: web.Request) -> web.Response:
    """A page of acts."""
    before = request.query.get("before", "")
    number = int(before) if before.isascii() and before.isdigit() and len(before) < 18 else None
    filters = {name: asked(request, name, 300) for name in ("who", "act", "object")}
    acts = await audit.page(
        request.app[SERVICES].db,
        who=filters["who"] or None,
        act=filters["act"] or None,
        object=filters["object"] or None,
        before=number,
        limit=ROWS + 1,
    )
    named = {name: value for name, value in {**filters, "before": number}.items() if value not in ("", None)}
    values = {
        "here": "audit",
        "twin": f"/api/v1/audit?{urlencode(named)}" if named else "/api/v1/audit",
        "filters": filters,
        "acts": acts[:ROWS],
        "older": acts[ROWS - 1].n if len(acts) > ROWS else None,
        "first": number is None,
    }
    return page(request, "audit.html", values)
