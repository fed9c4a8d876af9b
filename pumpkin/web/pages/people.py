"""People as an administrator sees them: added, given a role, closed, removed, their sessions ended."""

from __future__ import annotations

import secrets
from collections import Counter
from typing import TYPE_CHECKING

from aiohttp import web

from pumpkin.errors import NotFound, PumpkinError
from pumpkin.store import audit, factors, people, sessions
from pumpkin.web.edge import AUTHENTICATOR
from pumpkin.web.guard import identity
from pumpkin.web.pages.render import act, page, read
from pumpkin.web.services import SERVICES

if TYPE_CHECKING:
    from pumpkin.store.database import Database


def setup(app: web.Application) -> None:
    """Register `/settings/people` and what is done with one."""
    app.router.add_get("/settings/people", index)
    app.router.add_post("/settings/people", add)
    app.router.add_post("/settings/people/act", change)


@read("admin")
async def index(request: web.Request) -> web.Response:
    """Everybody, with their role and living sessions."""
    return await _list(request)


async def add(request: web.Request) -> web.Response:
    """Make an account; its one-time password is shown this once."""
    fields = await act(request, "admin")
    db, name, role = request.app[SERVICES].db, fields.get("name", "").strip(), fields.get("role", "")
    try:
        once = await people.add(db, name, role=role, must_change=True)
    except PumpkinError as error:
        return await _list(request, typed={"name": name[:200], "role": role}, wrong=error.message, status=error.status)
    await audit.add(db, who=identity(request).name, act="person.added", object=f"person:{name}", detail={"role": role})
    return await _list(request, made=(name, once))


async def change(request: web.Request) -> web.Response:
    """One change to one person: `role`, `close`, `open`, `remove`, `password`, `factor`, `sessions`."""
    fields = await act(request, "admin")
    db, who = request.app[SERVICES].db, identity(request).name
    name, wanted = fields.get("name", ""), fields.get("act", "")
    if await people.get(db, name) is None:
        raise NotFound(f"There is nobody named {name[:200]}.")
    detail: dict[str, str] = {}
    made: tuple[str, str] | None = None
    try:
        match wanted:
            case "role":
                detail = {"role": fields.get("role", "")}
                await people.set_role(db, name, detail["role"])
            case "close" | "open":
                await people.disable(db, name, disabled=wanted == "close")
            case "remove":
                await people.remove(db, name)
            case "password":
                made = name, await _once(db, name)
            case "factor":
                await factors.set_totp(db, name, None)
            case "sessions":
                await sessions.end_others(db, name)
            case _:
                raise NotFound("There is no such act.")
    except PumpkinError as error:
        return await _list(request, wrong=error.message, status=error.status)
    request.app[AUTHENTICATOR].forget()
    await audit.add(db, who=who, act=f"person.{wanted}", object=f"person:{name}", detail=detail)
    if made is not None:
        return await _list(request, made=made)
    raise web.HTTPSeeOther("/settings/people")


async def _once(db: Database, name: str) -> str:
    """Another one-time password for `name`: 120 random bits."""
    once = secrets.token_urlsafe(15)
    await people.set_password(db, name, once, must_change=True)
    return once


async def _list(
    request: web.Request,
    *,
    made: tuple[str, str] | None = None,
    typed: dict[str, str] | None = None,
    wrong: str = "",
    status: int = 200,
) -> web.Response:
    db = request.app[SERVICES].db
    values = {
        "here": "people",
        "twin": "/api/v1/people",
        "people": await people.everybody(db),
        "alive": Counter(one.name for one in await sessions.listed(db)),
        "roles": people.ROLES,
        "made": made,
        "typed": typed or {"name": "", "role": "viewer"},
        "wrong": wrong,
    }
    return page(request, "people.html", values, status=status)
