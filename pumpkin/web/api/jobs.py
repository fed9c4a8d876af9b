"""`/api/v1/jobs`: what is assigned to probes, the order of each agent, and what came of it (rulings.md 43)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from pumpkin.errors import NotFound
from pumpkin.evidence.orders import digest
from pumpkin.model.agents import bare
from pumpkin.model.assignments import JOB_BYTES, Assignment, Targets, assignable, name_of, read_targets
from pumpkin.model.wire import rfc3339
from pumpkin.probes import parsers
from pumpkin.store import agents, assignments, audit
from pumpkin.store.assignments import Order
from pumpkin.web.api.checks import choice, only, whole
from pumpkin.web.bodies import parsed
from pumpkin.web.envelope import success
from pumpkin.web.guard import identity, require
from pumpkin.web.services import SERVICES

LISTED_DEFAULT, LISTED_MOST = 50, 500
LOOKED_AT = 1_000
JOBS_BODY = JOB_BYTES * 16


class Assigned(BaseModel):
    """`job` as in a probe's file (`use` for a ready probe), `targets` in one way, `behaviour` over the job's own."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    targets: dict[str, Any]
    job: dict[str, Any]
    behaviour: str = Field("", max_length=20)


class Replaced(BaseModel):
    """Another job in an assignment's place."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    job: dict[str, Any]


class Listed(BaseModel):
    """All jobs of one agent that are assigned to it by name."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    jobs: list[dict[str, Any]] = Field(max_length=500)


class Question(BaseModel):
    """Whom to ask (a duty or an agent) for a second look at `about`: type, target, status, the check's id."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    duty: str = Field("", max_length=200)
    jid: str = Field("", max_length=1_000)
    agents: int = Field(1, ge=1, le=10)
    elsewhere: bool = False
    about: dict[str, Any]


async def create(request: web.Request) -> web.Response:
    """`POST /api/v1/jobs`: assign a job from now on, to agents named or to all that fit."""
    asker = require(request, "agents:write")
    wanted = await parsed(request, Assigned, JOBS_BODY)
    job = {**wanted.job, **({"behaviour": wanted.behaviour} if wanted.behaviour else {})}
    ident = await assign(request, job, read_targets(wanted.targets), asker.name)
    return success(request, {"id": ident, "name": name_of(ident, job)}, 201)


async def assign(request: web.Request, job: Mapping[str, Any], targets: Targets, who: str) -> int:
    """Keep the assignment, and say who made it; its number. InvalidRequest for a job no probe could run."""
    assignable(job)
    db = request.app[SERVICES].db
    ident = await assignments.add(db, job, targets, who)
    detail = {"job": dict(job), "targets": targets.as_json()}
    await audit.add(db, who=who, act="job.assign", object=f"job:{ident}", detail=detail)
    return ident


async def index(request: web.Request) -> web.Response:
    """`GET /api/v1/jobs`: assignments, newest first; `standing=true` only those that stand."""
    require(request, "agents:read")
    limit = whole(request.query, "limit", LISTED_DEFAULT, least=1, most=LISTED_MOST)
    before = whole(request.query, "cursor", assignments.NEWEST, least=0, most=assignments.NEWEST)
    only(request.query, "limit", "cursor", "standing")
    standing = {"true": True, "false": False, None: None}[choice(request.query, "standing", ("true", "false"))]
    found = await assignments.page(request.app[SERVICES].db, before=before, standing=standing, limit=limit)
    following = str(found[-1].id) if len(found) == limit else None
    return success(request, {"items": [shape(one) for one in found], "next": following})


async def show(request: web.Request) -> web.Response:
    """`GET /api/v1/jobs/<id>`: one assignment, and for each agent meant what it runs and found."""
    require(request, "agents:read")
    found = await named(request)
    return success(request, {**shape(found), "agents": await progress(request, found)})


async def change(request: web.Request) -> web.Response:
    """`PUT /api/v1/jobs/<id>`: another job in its place; who has it learns so at once, the absent when they return."""
    asker, found = require(request, "agents:write"), await named(request)
    wanted = await parsed(request, Replaced, JOBS_BODY)
    await replace(request, found.id, wanted.job, asker.name)
    return success(request, {"id": found.id, "name": name_of(found.id, wanted.job)})


async def replace(request: web.Request, ident: int, job: Mapping[str, Any], who: str) -> None:
    """Change a standing assignment, and say who did."""
    assignable(job)
    db = request.app[SERVICES].db
    if not await assignments.change(db, ident, job):
        raise NotFound("This job is assigned no more.")
    await audit.add(db, who=who, act="job.change", object=f"job:{ident}", detail={"job": dict(job)})


async def end(request: web.Request) -> web.Response:
    """`DELETE /api/v1/jobs/<id>`: take it back; its checks stay."""
    asker, found = require(request, "agents:write"), await named(request)
    await take_back(request, found.id, asker.name)
    return success(request, {"id": found.id, "ended": True})


async def take_back(request: web.Request, ident: int, who: str) -> None:
    """End an assignment, and say who did; one that ended before is left alone."""
    db = request.app[SERVICES].db
    if await assignments.end(db, ident):
        await audit.add(db, who=who, act="job.end", object=f"job:{ident}", detail={})


async def of_agent(request: web.Request) -> web.Response:
    """`GET /api/v1/agents/<jid>/jobs`: an agent's order as it was signed, and what it runs; also for itself."""
    services, asker = request.app[SERVICES], identity(request)
    if asker.kind != "basic":
        require(request, "agents:read")
    jid = _jid(request)
    own = asker.kind == "basic" and asker.name == jid
    links = [{"document": text, "signature": signature} for text, signature in services.fleet.links]
    if not own:
        require(request, "agents:read")
    if own:
        held = whole(request.query, "version", 0, least=0, most=2**53)
        found = await services.fleet.order(jid, held)
        if found is not None and held == found.version != found.running:
            await assignments.runs(services.db, jid, held, digest(found.document), "")
    else:
        found = await assignments.order(services.db, jid)
    if found is None:
        if await agents.get(services.db, jid) is None:
            raise NotFound("There is no agent with this JID.")
        nothing = {"jid": jid, "version": 0, "document": None, "signature": None, "running": None}
        return success(request, {**nothing, "succession": links})
    return success(request, {**order_shape(found), "succession": links})


async def put_agent(request: web.Request) -> web.Response:
    """`PUT /api/v1/agents/<jid>/jobs`: make the jobs assigned to this agent by name just these."""
    asker, jid = require(request, "agents:write"), _jid(request)
    services = request.app[SERVICES]
    if await agents.get(services.db, jid) is None:
        raise NotFound("There is no agent with this JID.")
    wanted = (await parsed(request, Listed, JOBS_BODY)).jobs
    for job in wanted:
        assignable(job)
    own = [one for one in await assignments.standing(services.db) if one.targets == Targets("jids", (jid,))]
    kept: list[int] = []
    for job in wanted:
        same = next((one for one in own if one.job == job and one.id not in kept), None)
        kept.append(same.id if same else await assign(request, job, Targets("jids", (jid,)), asker.name))
    for one in own:
        if one.id not in kept:
            await take_back(request, one.id, asker.name)
    return success(request, {"jid": jid, "jobs": kept})


async def ask(request: web.Request) -> web.Response:
    """`POST /api/v1/agents/ask`: have others look at what was seen; for an approved agent, or who may act on agents."""
    asker = identity(request)
    if not (asker.kind == "basic" and "@" in asker.name and asker.may("checks:write")):
        require(request, "agents:write")
    wanted = await parsed(request, Question, JOBS_BODY)
    found = await request.app[SERVICES].fleet.ask(
        asker.name,
        wanted.about,
        duty=wanted.duty,
        jid=wanted.jid,
        most=wanted.agents,
        elsewhere=wanted.elsewhere,
    )
    return success(request, {"answers": list(found)})


async def parser_list(request: web.Request) -> web.Response:
    """`GET /api/v1/parsers`: the parsers a job may name, each with its version and the JSON Schema of what it makes."""
    require(request, "agents:read")
    return success(request, {"items": parsers.described()})


async def progress(request: web.Request, one: Assignment) -> list[dict[str, Any]]:
    """For each agent an assignment means: whether its order has it, whether it runs it, and its newest check of it."""
    db = request.app[SERVICES].db
    meant = [
        each for each in await assignments.placed(db) if one.targets.fit(each.jid, each.tags, each.duties, each.site)
    ][:LOOKED_AT]
    jids = [each.jid for each in meant]
    orders, results = await assignments.orders_of(db, jids), await assignments.results(db, one.name, jids)
    board = request.app[SERVICES].board().agents
    shown = []
    for jid in jids:
        order, result = orders.get(jid), results.get(jid)
        since = result["observed"] >= one.changed if result else False
        shown.append(
            {
                "jid": jid,
                "presence": board[jid].show if jid in board else "unavailable",
                "order": order.version if order else 0,
                "running": order.running if order else None,
                "drift": drift(order),
                "check": str(result["id"]) if result else None,
                "status": result["status"] if result else None,
                "seq": result["seq"] if result else None,
                "observed": rfc3339(result["observed"]) if result else None,
                "fresh": since,
            }
        )
    return shown


def drift(order: Order | None) -> str:
    """How what an agent runs differs from what it was ordered: "" for not at all."""
    if order is None:
        return "no order yet"
    if order.trouble:
        return order.trouble
    if order.running is None:
        return "it has not taken its order yet"
    return "" if order.running == order.version else f"it runs {order.running}, not {order.version}"


def shape(one: Assignment) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "job": dict(one.job),
        "targets": one.targets.as_json(),
        "made_by": one.made_by,
        "created": rfc3339(one.created),
        "changed": rfc3339(one.changed),
        "ended": rfc3339(one.ended) if one.ended else None,
    }


def order_shape(one: Order) -> dict[str, Any]:
    return {
        "jid": one.jid,
        "version": one.version,
        "document": one.document,
        "signature": one.signature,
        "issued": rfc3339(one.issued),
        "running": one.running,
        "running_digest": one.running_digest,
        "told": rfc3339(one.told) if one.told else None,
        "drift": drift(one),
    }


async def named(request: web.Request) -> Assignment:
    """The job the address names; NotFound."""
    text = request.match_info["id"]
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    found = await assignments.get(request.app[SERVICES].db, number)
    if found is None:
        raise NotFound("There is no job of this number.")
    return found


def _jid(request: web.Request) -> str:
    try:
        return bare(request.match_info["jid"])
    except ValueError:
        raise NotFound("There is no agent with this JID.") from None
