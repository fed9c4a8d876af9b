"""Jobs of probes: what is assigned and to whom, a form for more, and for each what every probe runs and found."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from pumpkin.errors import InvalidRequest, NotFound
from pumpkin.model.assignments import Assignment, Targets, read_targets
from pumpkin.model.ready import READY
from pumpkin.probes import parsers
from pumpkin.store import assignments, overview, pools
from pumpkin.web.api import jobs
from pumpkin.web.bodies import posted
from pumpkin.web.guard import identity
from pumpkin.web.pages.render import act, page, read
from pumpkin.web.services import SERVICES

ROWS = 50
CHOICES = 500
FORM_KEYS = ("name", "use", "type", "target", "command", "result_parser", "period", "cron", "timeout", "expected_value")
NUMBERS = ("period", "timeout")


def setup(app: web.Application) -> None:
    """Register `/jobs` and what hangs below it."""
    app.router.add_get("/jobs", index)
    app.router.add_post("/jobs", create)
    app.router.add_get("/jobs/{id}", show)
    app.router.add_post("/jobs/{id}/change", change)
    app.router.add_post("/jobs/{id}/end", end)
    app.router.add_get("/jobs/shared/{name}", shared)


@read("agents:read")
async def index(request: web.Request) -> web.Response:
    """What is assigned, newest first, shared lists, and the form; probes named by `jid` are chosen in it."""
    return await _index(request, {}, "", chosen=[one[:600] for one in request.query.getall("jid", [])[:CHOICES]])


async def _index(
    request: web.Request, given: Mapping[str, Any], trouble: str, status: int = 200, chosen: Sequence[str] = ()
) -> web.Response:
    db = request.app[SERVICES].db
    text = request.query.get("before", "")
    before = int(text) if text.isascii() and text.isdigit() and len(text) < 18 else assignments.NEWEST
    found = await assignments.page(db, before=before, limit=ROWS + 1)
    agents = await overview.agent_choices(db, CHOICES)
    if beyond := sorted(set(chosen) - {one["jid"] for one in agents}):
        agents += await overview.agent_list(db, state="approved", only=beyond, most=CHOICES)
    values = {
        "here": "agents",
        "twin": "/api/v1/jobs",
        "jobs": [_line(one) for one in found[:ROWS]],
        "next": found[ROWS - 1].id if len(found) > ROWS else None,
        "pools": await pools.all_pools(db),
        "ready": sorted(READY),
        "parsers": sorted(parsers.known() - {""}),
        "agents": [one["jid"] for one in agents],
        "tags": sorted({tag for one in agents for tag in one["tags"]}),
        "duties": sorted({duty for one in agents for duty in one["duties"]}),
        "sites": sorted({one["site"] for one in agents if one["site"]}),
        "given": given,
        "chosen": chosen,
        "trouble": trouble,
    }
    return page(request, "jobs.html", values, status=status)


def _line(one: Assignment) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "what": _what(one.job),
        "when": _when(one.job),
        "targets": one.targets.as_text(),
        "made_by": one.made_by,
        "created": one.created,
        "ended": one.ended,
    }


def _what(job: Mapping[str, Any]) -> str:
    command = job.get("command")
    words = command if isinstance(command, str) else " ".join(map(str, command)) if command else job.get("use", "")
    return f"{words} {job.get('target') or ''}".strip()


def _when(job: Mapping[str, Any]) -> str:
    if job.get("cron"):
        return f"at {job['cron']}"
    return f"every {job['period']} s" if job.get("period") else str(job.get("behaviour") or "once")


async def create(request: web.Request) -> web.Response:
    """Assign what the form says."""
    fields = await act(request, "agents:write")
    chosen = [one for one in (await posted(request)).getall("jid", []) if isinstance(one, str)]
    try:
        job = job_of(fields)
        targets = _targets(fields, chosen)
        ident = await jobs.assign(request, job, targets, identity(request).name)
    except InvalidRequest as error:
        return await _index(request, fields, error.message, 400, chosen)
    raise web.HTTPSeeOther(f"/jobs/{ident}")


def job_of(fields: Mapping[str, str]) -> dict[str, Any]:
    """A job from the form's fields; further keys as JSON in `more`."""
    job: dict[str, Any] = {key: fields[key].strip() for key in FORM_KEYS if fields.get(key, "").strip()}
    for key in NUMBERS:
        if key in job:
            try:
                job[key] = float(job[key]) if not job[key].isdigit() else int(job[key])
            except ValueError:
                raise InvalidRequest(f"The {key} is not a number of seconds.", fields={key: "not a number"}) from None
    if fields.get("more", "").strip():
        try:
            more = json.loads(fields["more"])
        except (ValueError, RecursionError):
            more = None
        if not isinstance(more, dict):
            raise InvalidRequest("Further keys are one JSON object.", fields={"more": "not an object"})
        job |= more
    return job


def _targets(fields: Mapping[str, str], jids: Sequence[str]) -> Targets:
    kind = fields.get("kind", "jids")
    given: dict[str, Any] = {"jids": list(jids)} if kind == "jids" else {kind: fields.get(kind, "").strip()}
    if kind == "tags":
        given = {"tags": [one.strip() for one in fields.get("tags", "").split(",") if one.strip()]}
    if kind == "all":
        given = {"all": True}
    if kind == "jids" and not jids:
        raise InvalidRequest("Choose at least one probe.", fields={"targets": "none"})
    return read_targets(given)


@read("agents:read")
async def show(request: web.Request) -> web.Response:
    """One job: what every probe it means runs, and its newest check of it; kept fresh as they come."""
    return await _show(request, await jobs.named(request), "")


async def _show(request: web.Request, one: Assignment, trouble: str, status: int = 200) -> web.Response:
    found = await jobs.progress(request, one)
    shown = {key: value for key, value in one.job.items() if value not in ("", None)}
    values = {
        "here": "agents",
        "twin": f"/api/v1/jobs/{one.id}",
        "job": _line(one),
        "document": json.dumps(shown, indent=2, ensure_ascii=False),
        "agents": found,
        "done": sum(1 for each in found if each["fresh"]),
        "behind": sum(1 for each in found if each["drift"]),
        "heads": await overview.heads(request.app[SERVICES].db),
        "trouble": trouble,
    }
    return page(request, "job.html", values, status=status)


async def change(request: web.Request) -> web.Response:
    """Another job in its place, as JSON."""
    fields = await act(request, "agents:write")
    one = await jobs.named(request)
    try:
        given = json.loads(fields.get("job", ""))
        if not isinstance(given, dict):
            raise ValueError
        await jobs.replace(request, one.id, given, identity(request).name)
    except InvalidRequest as error:
        return await _show(request, one, error.message, 400)
    except (ValueError, RecursionError):
        return await _show(request, one, "The job is one JSON object.", 400)
    raise web.HTTPSeeOther(f"/jobs/{one.id}")


async def end(request: web.Request) -> web.Response:
    """Take it back."""
    await act(request, "agents:write")
    one = await jobs.named(request)
    await jobs.take_back(request, one.id, identity(request).name)
    raise web.HTTPSeeOther(f"/jobs/{one.id}")


@read("agents:read")
async def shared(request: web.Request) -> web.Response:
    """A list of jobs that agents of a duty share."""
    name, db = request.match_info["name"], request.app[SERVICES].db
    pool = next((one for one in await pools.all_pools(db) if one["name"] == name), None)
    if pool is None:
        raise NotFound("There is no shared list of this name.")
    text = request.query.get("after", "")
    after = int(text) if text.isascii() and text.isdigit() and len(text) < 18 else 0
    rows = await pools.jobs(db, name, after=after, limit=ROWS + 1)
    shown = [{**one, "what": _what(one["job"])} for one in rows[:ROWS]]
    following = rows[ROWS - 1]["id"] if len(rows) > ROWS else None
    values = {"here": "agents", "twin": f"/api/v1/pools/{name}", "pool": pool, "jobs": shown, "next": following}
    return page(request, "shared.html", values)
