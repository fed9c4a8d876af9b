"""Packages: hand one in, see the queue move, follow an analysis."""

from __future__ import annotations

import re

from aiohttp import web

from pumpkin.errors import PumpkinError, TaskNotFound
from pumpkin.model.tasks import Task
from pumpkin.store import tasks
from pumpkin.web.api.analysis import analyze, uploads, wishes
from pumpkin.web.api.analysis.tasks import found
from pumpkin.web.guard import CSRF_FIELD, StaleForm, identity, require, require_csrf
from pumpkin.web.pages.held import held
from pumpkin.web.pages.render import act, again, asked, page, read
from pumpkin.web.services import SERVICES

SHOWN = 20
_MARKS = {"clean": "ok", "suspicious": "warning", "malicious": "critical"}


def setup(app: web.Application) -> None:
    """Register `/packages` and what hangs below it."""
    app.router.add_get("/packages", index)
    app.router.add_post("/packages", submit)
    app.router.add_post("/packages/upload", upload)
    app.router.add_get("/packages/tasks/{id}", task)
    app.router.add_post("/packages/tasks/{id}/cancel", cancel)


@read("packages:read")
async def index(request: web.Request) -> web.Response:
    """The form, the queue, and the analyses of late."""
    return await _index(request)


async def submit(request: web.Request) -> web.Response:
    """Have a package analysed; on to its page."""
    fields = await act(request, "packages:write")
    try:
        priority = fields.get("priority", "0")
        manner = wishes.Manner(
            priority=wishes.priority_of(int(priority) if re.fullmatch(r"\d", priority, re.ASCII) else None),
            forced=fields.get("force") == "on",
        )
        wanted = wishes.wish(fields.get("purl", "").strip(), manner)
        answer = await analyze.decide(request, identity(request), wanted)
    except PumpkinError as error:
        reason = (error.fields or {}).get("purl", error.message)
        return await _index(request, typed=dict(fields), fault=reason, status=error.status)
    raise web.HTTPSeeOther(f"/packages/tasks/{answer.data['uuid']}")


async def upload(request: web.Request) -> web.Response:
    """Have a local archive analysed; on to its page."""
    asker = require(request, "packages:write")
    try:
        form = await uploads.read(request)
        try:
            require_csrf(request, form.fields.get(CSRF_FIELD, ""))
        except StaleForm:
            kept = held(request, form.fields.items(), ("file", form.name))
            if kept is None:
                raise
            return again(request, kept)
        answer = await uploads.submit(request, asker, form)
    except PumpkinError as error:
        if error.status in (401, 403):
            raise
        return await _index(request, upload_fault=error.message, status=error.status)
    raise web.HTTPSeeOther(f"/packages/tasks/{answer.data['uuid']}")


async def _index(
    request: web.Request,
    *,
    typed: dict[str, str] | None = None,
    fault: str = "",
    upload_fault: str = "",
    status: int = 200,
) -> web.Response:
    services, asker = request.app[SERVICES], identity(request)
    db = services.db
    filters, recent, older = await recently(request)
    length, capacity = await tasks.length(db), await tasks.capacity(db)
    waiting = await tasks.waiting(db, SHOWN)
    values = {
        "here": "packages",
        "twin": "/api/v1/analyses" + (f"?{request.query_string}" if request.query_string else ""),
        "typed": typed or {"purl": asked(request, "purl", 500)},
        "fault": fault,
        "upload_fault": upload_fault,
        "running": await tasks.running(db),
        "waiting": waiting,
        "waits": {one.place: capacity.wait_s(one.place) for one in waiting if one.place},
        "length": length,
        "wait_s": capacity.wait_s(length + 1) if length else None,
        "slots": capacity.slots,
        "recent": recent,
        "older": older,
        "first": "before" not in request.query,
        "filters": filters,
        "no_engine": services.packages.no_engine(),
        "tools": services.packages.tools(),
        "marks": _MARKS,
        "owner": asker.owner,
    }
    return page(request, "packages.html", values, status=status)


async def recently(request: web.Request) -> tuple[dict[str, str], list[Task], int | None]:
    """The filters in force, the analyses of late that fit and the asker may see, and below which number older are."""
    owner, text = identity(request).owner, asked(request, "before", 18)
    filters = {"q": asked(request, "q", 200), "mine": "yes" if asked(request, "mine", 3) == "yes" else ""}
    shown = await tasks.seen(
        request.app[SERVICES].db,
        owner,
        owner=owner if filters["mine"] else None,
        q=filters["q"] or None,
        before=int(text) if re.fullmatch(r"\d{1,17}", text, re.ASCII) else None,
        limit=SHOWN + 1,
    )
    return filters, shown[:SHOWN], shown[SHOWN - 1].id if len(shown) > SHOWN else None


@read("packages:read")
async def task(request: web.Request) -> web.Response:
    """One analysis as it goes; an upload only for whoever may read its report."""
    one = await found(request)
    if not one.seen_by(identity(request).owner):
        raise TaskNotFound
    capacity = await tasks.capacity(request.app[SERVICES].db)
    values = {
        "here": "packages",
        "twin": f"/api/v1/task/{one.uuid}/",
        "task": one,
        "wait_s": capacity.wait_s(one.place) if one.place else None,
        "marks": _MARKS,
        "mine": one.owner == identity(request).owner or identity(request).may("admin"),
    }
    return page(request, "packages_task.html", values)


async def cancel(request: web.Request) -> web.Response:
    """End one's own analysis."""
    await act(request, "packages:write")
    one = await found(request, identity(request))
    services = request.app[SERVICES]
    if await tasks.cancel(services.db, one.id) is not None:
        services.packages.cancelled(one.id)
    raise web.HTTPSeeOther(f"/packages/tasks/{one.uuid}")
