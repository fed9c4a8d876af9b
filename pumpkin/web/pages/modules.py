"""The ad hoc modules: how each does, what waits, what it tried, what was refused for good, and what a person does
then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from pumpkin.errors import NotFound, PumpkinError
from pumpkin.store import deliveries
from pumpkin.web import modules as rooms
from pumpkin.web.api import modules as acts
from pumpkin.web.guard import identity
from pumpkin.web.pages.render import act, asked, page, read
from pumpkin.web.services import SERVICES

LETTERS = 50
_STATES = {
    "running": ("ok", "delivers"),
    "waiting": ("warning", "waits for its target"),
    "paused": ("unknown", "paused"),
    "restarting": ("warning", "restarting"),
    "failed": ("critical", "failed"),
    "broken": ("critical", "its settings cannot work"),
    "off": ("unknown", "switched off"),
    "gone": ("unknown", "no longer configured"),
}


def setup(app: web.Application) -> None:
    """Register `/modules`, one module's page, and what is done there."""
    app.router.add_get("/modules", index)
    app.router.add_get("/modules/{name}", show)
    app.router.add_post("/modules/{name}", change)


@read("checks:read")
async def index(request: web.Request) -> web.Response:
    """All modules, what needs somebody first."""
    services = request.app[SERVICES]
    found = await rooms.every(services.db, services.modules, _micros)
    order = {"critical": 0, "warning": 1, "unknown": 3, "ok": 2}
    found.sort(key=lambda one: (order[_STATES[one["state"]][0]], not one["dead"], one["name"]))
    values = {"here": "modules", "twin": "/api/v1/modules", "modules": found, "states": _STATES}
    return page(request, "modules.html", values)


@read("checks:read")
async def show(request: web.Request) -> web.Response:
    """One module: its tries and its dead letters."""
    return await _one(request)


async def change(request: web.Request) -> web.Response:
    """`retry` (with a `letter` that one), `discard` a `letter`, `pause`, `resume` or `test`."""
    fields = await act(request, acts.SCOPE)
    services, name, who = request.app[SERVICES], request.match_info["name"], identity(request).name
    await rooms.one(services.db, services.modules, name)
    wanted, letter = fields.get("act", ""), _letter(fields)
    try:
        if wanted == "test":
            return await _one(request, tested=await acts.tested(services, name, who))
        if wanted == "retry":
            await acts.retried(services, name, letter, who)
        elif wanted == "discard" and letter is not None:
            await acts.discarded(services, name, letter, who)
        elif wanted in ("pause", "resume"):
            await acts.paused(services, name, wanted == "pause", who)
        else:
            raise NotFound("There is nothing to do by that name.")
    except PumpkinError as error:
        return await _one(request, wrong=error.message, status=error.status)
    raise web.HTTPSeeOther(request.path)


def _letter(fields: Mapping[str, str]) -> int | None:
    text = fields.get("letter", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _micros(micros: int | None) -> int | None:
    return micros or None


async def _one(
    request: web.Request, *, tested: Mapping[str, Any] | None = None, wrong: str = "", status: int = 200
) -> web.Response:
    services, name = request.app[SERVICES], request.match_info["name"]
    before = asked(request, "before", 18)
    found = await rooms.one(services.db, services.modules, name, _micros)
    letters = await deliveries.dead(
        services.db, name, before=int(before) if before.isascii() and before.isdigit() else None, limit=LETTERS
    )
    values = {
        "here": "modules",
        "twin": f"/api/v1/modules/{name}",
        "module": found,
        "states": _STATES,
        "tries": await deliveries.tries(services.db, name, 30),
        "letters": letters,
        "older": letters[-1].id if len(letters) == LETTERS else None,
        "tested": tested,
        "wrong": wrong,
    }
    return page(request, "modules_one.html", values, status=status)
