"""A report's findings one by one, with what people said of each, and the forms to say it."""

from __future__ import annotations

import re
from uuid import UUID

from aiohttp import web

from pumpkin.analysis.triage import State
from pumpkin.errors import NotFound, ReportNotFound
from pumpkin.store import reports
from pumpkin.store.reports import Kept
from pumpkin.web.api.analysis import triage
from pumpkin.web.guard import Identity, identity
from pumpkin.web.pages.render import act, page, read
from pumpkin.web.services import SERVICES

SHOWN = 200


def setup(app: web.Application) -> None:
    """Register `/packages/reports/{id}/findings`."""
    app.router.add_get("/packages/reports/{id}/findings", index)
    app.router.add_post("/packages/reports/{id}/findings", mark)
    app.router.add_post("/packages/reports/{id}/rescore", rescore)


@read("packages:read")
async def index(request: web.Request) -> web.Response:
    """The findings with their marks."""
    kept = await _kept(request, identity(request))
    rows = await triage.marked(request, kept)
    values = {
        "here": "packages",
        "twin": f"/api/v1/reports/{kept.id}/triage",
        "kept": kept,
        "package": triage.package_of(kept),
        "rows": rows[:SHOWN],
        "more": max(0, len(rows) - SHOWN),
        "states": [one.value for one in State],
        "may": identity(request).may("packages:write"),
    }
    return page(request, "findings.html", values)


async def mark(request: web.Request) -> web.Response:
    """Mark a finding, or take its mark back; on to the report that was judged anew."""
    fields = await act(request, "packages:write")
    who = identity(request)
    kept = await _kept(request, who)
    try:
        finding = UUID(fields.get("finding", ""))
    except ValueError:
        raise NotFound("There is no finding with this id.") from None
    if fields.get("state") == "none":
        made = await triage.unmark(request, kept, finding, who.owner)
    else:
        days = fields.get("days", "").strip()
        word = {"state": fields.get("state", ""), "reason": fields.get("reason", "").strip()}
        made = await triage.mark(
            request, kept, finding, triage.word(word | ({"days": days} if days else {})), who.owner
        )
    raise web.HTTPSeeOther(f"/packages/reports/{made['report_id']}/findings")


async def rescore(request: web.Request) -> web.Response:
    """Judge the version anew by the rules and marks of now."""
    _ = await act(request, "packages:write")
    kept = await _kept(request, identity(request))
    made: Kept | None = await request.app[SERVICES].packages.rescore(kept.id)
    raise web.HTTPSeeOther(f"/packages/reports/{made.id if made else kept.id}")


async def _kept(request: web.Request, who: Identity) -> Kept:
    text = request.match_info["id"]
    kept = await reports.get(request.app[SERVICES].db, int(text)) if re.fullmatch(r"\d{1,18}", text, re.ASCII) else None
    if kept is None or (kept.realm and kept.realm != who.owner):
        raise ReportNotFound("There is no report with this number.")
    return kept
