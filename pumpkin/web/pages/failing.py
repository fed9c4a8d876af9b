"""Every check that fails now, page by page, and the button that says one of them is past."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID

from aiohttp import web

from pumpkin.errors import InvalidRequest, NotFound
from pumpkin.store import failing
from pumpkin.web.api import failing as acts
from pumpkin.web.guard import identity
from pumpkin.web.pages.render import act, asked, page, read
from pumpkin.web.services import SERVICES

ROWS = 50
_FILTERS = ("q", "status", "agent")


def setup(app: web.Application) -> None:
    """Register `/checks/failing`."""
    app.router.add_get("/checks/failing", index)
    app.router.add_post("/checks/failing/{series}/let-go", let_go)


@read("checks:read", shared=True)
async def index(request: web.Request) -> web.Response:
    """What fails now, critical first."""
    db = request.app[SERVICES].db
    filters = {name: asked(request, name) for name in _FILTERS}
    if filters["status"] not in acts.BAD:
        filters["status"] = ""
    named = {name: text for name, text in filters.items() if text}
    start = asked(request, "cursor", 20)
    try:
        after = acts.after(start)
    except InvalidRequest:
        after = None
    found = await failing.page(
        db,
        most=ROWS + 1,
        status=named.get("status"),
        agent=named.get("agent"),
        q=named.get("q"),
        after=after,
    )
    values = {
        "here": "checks",
        "twin": "/api/v1/failing" + (f"?{urlencode(named)}" if named else ""),
        "filters": filters,
        "named": named,
        "statuses": acts.BAD,
        "failing": found[:ROWS],
        "count": await failing.count(db),
        "next": acts.cursor(found[ROWS - 1]) if len(found) > ROWS else None,
        "first": after is None,
    }
    return page(request, "failing.html", values)


async def let_go(request: web.Request) -> web.Response:
    """Say that a series is past."""
    fields = await act(request, acts.SCOPE)
    try:
        series, last = UUID(request.match_info["series"]), int(fields.get("last", "")[:19])
    except ValueError:
        raise NotFound("There is no such series.") from None
    await acts.past(request, series, last, identity(request).name)
    raise web.HTTPSeeOther("/checks/failing")
