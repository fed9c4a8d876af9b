"""`/api/v1/pools`: lists of one-shot jobs that agents of a duty share, each job done once; and invitations."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from pumpkin.errors import InvalidRequest, NotFound
from pumpkin.model.assignments import shareable
from pumpkin.model.invitation import Pins, base, line
from pumpkin.model.wire import rfc3339
from pumpkin.store import audit, enrolments, invitations, pools
from pumpkin.store.enrolments import Gift
from pumpkin.web.api.checks import whole
from pumpkin.web.api.jobs import JOBS_BODY
from pumpkin.web.bodies import parsed
from pumpkin.web.enrolling import url_of
from pumpkin.web.envelope import success
from pumpkin.web.guard import require
from pumpkin.web.services import SERVICES

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
JOBS_MOST = 10_000


class Pooled(BaseModel):
    """Jobs for a shared list, and whose duty it is."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    duty: str = Field(min_length=1, max_length=200)
    jobs: list[dict[str, Any]] = Field(min_length=1, max_length=JOBS_MOST)


class Invited(BaseModel):
    """What an invitation gives: a name, tags, duties, a site, whether it lets in at once; its life, and how often."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    name: str = Field("", pattern=r"^([a-z0-9](?:[a-z0-9.-]{0,48}[a-z0-9])?)?$")
    tags: list[str] = Field([], max_length=50)
    duties: list[str] = Field(["probe"], max_length=50)
    site: str = Field("", max_length=200)
    note: str = Field("", max_length=200)
    approve: bool = False
    uses: int = Field(1, ge=1, le=10_000)
    hours: float = Field(24.0, ge=0.01, le=8_784)
    address: str = Field("", max_length=300, description="HOST:PORT the new host reaches this server by")


async def add(request: web.Request) -> web.Response:
    """`POST /api/v1/pools/<name>`: more jobs at the end of a shared list; the list is made when there is none."""
    asker, name = require(request, "agents:write"), _named(request)
    wanted = await parsed(request, Pooled, JOBS_BODY)
    for job in wanted.jobs:
        shareable(job)
    db = request.app[SERVICES].db
    await pools.add(db, name, wanted.duty, wanted.jobs, asker.name)
    detail = {"duty": wanted.duty, "jobs": len(wanted.jobs)}
    await audit.add(db, who=asker.name, act="pool.add", object=f"pool:{name}", detail=detail)
    return success(request, {"name": name, "added": len(wanted.jobs)}, 201)


async def index(request: web.Request) -> web.Response:
    """`GET /api/v1/pools`: every shared list with how far it is."""
    require(request, "agents:read")
    rows = await pools.all_pools(request.app[SERVICES].db)
    shown = [
        {**{key: value for key, value in row.items() if key != "id"}, "created": rfc3339(row["created"])}
        for row in rows
    ]
    return success(request, {"items": shown})


async def show(request: web.Request) -> web.Response:
    """`GET /api/v1/pools/<name>`: its jobs in order, each with who has it and its check."""
    require(request, "agents:read")
    limit = whole(request.query, "limit", 100, least=1, most=1_000)
    after = whole(request.query, "cursor", 0, least=0, most=2**62)
    rows = await pools.jobs(request.app[SERVICES].db, _named(request), after=after, limit=limit)
    if not rows and not after:
        raise NotFound("There is no shared list of this name.")
    shown = [
        {**row, "check_id": str(row["check_id"]) if row["check_id"] else None, "changed": rfc3339(row["changed"])}
        for row in rows
    ]
    return success(request, {"items": shown, "next": str(rows[-1]["id"]) if len(rows) == limit else None})


async def drop(request: web.Request) -> web.Response:
    """`DELETE /api/v1/pools/<name>`: remove a shared list; checks stay."""
    asker, name = require(request, "agents:write"), _named(request)
    db = request.app[SERVICES].db
    if not await pools.drop(db, name):
        raise NotFound("There is no shared list of this name.")
    await audit.add(db, who=asker.name, act="pool.drop", object=f"pool:{name}", detail={})
    return success(request, {"name": name, "dropped": True})


async def invite(request: web.Request) -> web.Response:
    """`POST /api/v1/invitations`: the line that enrols a new host; the only time its token is shown."""
    asker = require(request, "agents:write")
    wanted = await parsed(request, Invited, JOBS_BODY)
    return success(request, await invited(request, wanted, asker.name), 201)


async def invited(request: web.Request, wanted: Invited, who: str) -> dict[str, Any]:
    """Make an invitation, and its line."""
    services = request.app[SERVICES]
    if not services.fleet.accounts:
        raise InvalidRequest("Accounts are made on the external XMPP server here; nobody enrols by invitation.")
    shown = services.fleet.certificate()
    url = url_of(request)
    if wanted.address:
        url = base(wanted.address, secure=bool(shown) or url.startswith("https:"))
    gift = Gift(
        name=wanted.name,
        tags=tuple(wanted.tags),
        duties=tuple(wanted.duties),
        site=wanted.site,
        note=wanted.note,
        approve=wanted.approve,
        made_by=who,
    )
    token = await enrolments.invite(services.db, gift, uses=wanted.uses, hours=wanted.hours)
    detail = wanted.model_dump(exclude={"address"})
    await audit.add(services.db, who=who, act="agent.invite", object=f"invitation:{token[:6]}", detail=detail)
    made = line(url, token, Pins.of(shown) if shown else None)
    return {"token": token, "url": url, "line": made.curl, "python": made.python, "hours": wanted.hours}


async def invitation_list(request: web.Request) -> web.Response:
    """`GET /api/v1/invitations`: those that are still good, without their tokens."""
    require(request, "agents:read")
    rows = await invitations.all_good(request.app[SERVICES].db)
    shown = [
        {
            "id": one.id,
            "created": rfc3339(one.created),
            "expires": rfc3339(one.expires),
            "uses": one.uses,
            "note": one.note,
        }
        for one in rows
    ]
    return success(request, {"items": shown})


async def uninvite(request: web.Request) -> web.Response:
    """`DELETE /api/v1/invitations/<id>`: take one back."""
    asker, ident = require(request, "agents:write"), request.match_info["id"]
    if not re.fullmatch(r"[0-9a-f]{64}", ident):
        raise NotFound("There is no such invitation.")
    db = request.app[SERVICES].db
    await invitations.end(db, ident)
    await audit.add(db, who=asker.name, act="agent.uninvite", object=f"invitation:{ident[:12]}", detail={})
    return success(request, {"id": ident, "ended": True})


def _named(request: web.Request) -> str:
    name = request.match_info["name"]
    if not _NAME.match(name):
        raise NotFound("There is no shared list of this name.")
    return name
