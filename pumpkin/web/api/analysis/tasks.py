"""Tasks and the queue, read; cancelled; and the sweep of what is over its time."""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from aiohttp import web

from pumpkin.errors import Forbidden, InvalidPagination, InvalidRequest, TaskNotFound, UnsupportedEcosystem
from pumpkin.model.findings import Outcome
from pumpkin.model.tasks import STATES, Task
from pumpkin.model.watches import ecosystem_of
from pumpkin.store import tasks
from pumpkin.web.api.analysis.metering import meter
from pumpkin.web.api.analysis.shapes import base, listed, minutes, remaining, task_json, when
from pumpkin.web.api.analysis.shapes import place as place_of
from pumpkin.web.api.checks import choice, text_or_none, whole
from pumpkin.web.envelope import REQUEST_ID, success
from pumpkin.web.guard import Identity, identity, require
from pumpkin.web.services import SERVICES

OUTCOMES = (*Outcome, "cancelled")
PAGE_SIZE, PAGE_MOST = 20, 100
QUEUE_SHOWN, QUEUE_MOST = 100, 10_000


REMEMBERED = 4_096

ENDED: web.AppKey[OrderedDict[tuple[str, str], tuple[Task, bytes]]] = web.AppKey("ended", OrderedDict)
"""Answers for tasks that have ended and stay so, as strangers see them, by what was asked for and under which name."""


async def show(request: web.Request) -> web.Response:
    """`GET /api/v1/task/<id>/`: one analysis, by number or uuid; an upload only for its owner or by uuid."""
    asker, ended = identity(request), request.app[ENDED]
    place = request.match_info["id"], base(request)
    known = ended.get(place)
    if known is not None and known[0].seen_by(asker.owner) and known[0].owner != asker.owner:
        return _in_envelope(request, known[1])
    task = await found(request)
    if task.active or task.owner == asker.owner:
        return success(request, task_json(request, task, asker))
    data = json.dumps(task_json(request, task)).encode()
    ended[place] = task, data
    if len(ended) > REMEMBERED:
        ended.popitem(last=False)
    return _in_envelope(request, data)


def _in_envelope(request: web.Request, data: bytes) -> web.Response:
    body = b'{"success": true, "data": ' + data + b', "request_id": "' + request[REQUEST_ID].encode() + b'"}'
    return web.Response(body=body, content_type="application/json")


async def found(request: web.Request, owner: Identity | None = None) -> Task:
    """The task the address names, seen by whoever asks; with `owner` only if it is theirs. TaskNotFound otherwise."""
    text = request.match_info["id"]
    which: int | UUID
    if re.fullmatch(r"\d{1,18}", text, re.ASCII):
        which = int(text)
    else:
        try:
            which = UUID(text)
        except ValueError:
            raise TaskNotFound from None
    task = await tasks.get(request.app[SERVICES].db, which)
    if task is None or (isinstance(which, int) and not task.seen_by(identity(request).owner)):
        raise TaskNotFound
    if owner is not None and task.owner != owner.owner and not owner.may("admin"):
        raise TaskNotFound
    return task


async def position(request: web.Request) -> web.Response:
    """`GET /api/v1/task/<id>/queue/`: the place of one's own task."""
    asker = require(request, "packages:read")
    await meter(request, asker)
    task = await found(request, asker)
    capacity = await tasks.capacity(request.app[SERVICES].db)
    return success(
        request,
        {
            "task_id": task.id,
            "status": task.state,
            "queue_position": place_of(task),
            "purl": task.purl,
            "package_name": task.name,
            "package_version": task.version,
            "ecosystem": task.ecosystem,
            "estimated_wait_s": capacity.wait_s(task.place) if task.place else None,
        },
    )


async def cancel(request: web.Request) -> web.Response:
    """`DELETE /api/v1/task/<id>/`: end one's own task; what has ended stays as it is."""
    asker = require(request, "packages:write")
    task = await found(request)
    if task.owner != asker.owner and not asker.may("admin"):
        raise Forbidden("This analysis is somebody else's.")
    services = request.app[SERVICES]
    if await tasks.cancel(services.db, task.id) is not None:
        services.packages.cancelled(task.id)
    task = await found(request)
    return success(request, task_json(request, task, asker))


async def index(request: web.Request) -> web.Response:
    """`GET /api/v1/reports/`: one's own tasks, newest first, by page."""
    asker = require(request, "packages:read")
    await meter(request, asker)
    query = request.query
    page, size = _whole(request, "page", 1, 2**31), _whole(request, "page_size", PAGE_SIZE, PAGE_MOST)
    state, outcome = choice(query, "status", STATES), choice(query, "outcome", OUTCOMES)
    items, total = await tasks.page(
        request.app[SERVICES].db,
        owner=asker.owner,
        state=state,
        outcome=outcome,
        ecosystem=asked_ecosystem(query),
        q=text_or_none(query, "q"),
        skip=(page - 1) * size,
        limit=size,
    )
    shown = [listed(request, task) for task in items]
    return success(request, {"items": shown, "page": page, "page_size": size, "total": total})


def asked_ecosystem(query: Mapping[str, str]) -> str | None:
    """The parameter `ecosystem` as we call it; None where it is absent, UnsupportedEcosystem for none we know."""
    text = text_or_none(query, "ecosystem")
    found = ecosystem_of(text) if text else None
    if text and found is None:
        raise UnsupportedEcosystem(fields={"query.ecosystem": "not known"})
    return found


def _whole(request: web.Request, name: str, default: int, most: int) -> int:
    try:
        return whole(request.query, name, default, least=1, most=most)
    except InvalidRequest as error:
        raise InvalidPagination(error.message, fields=error.fields) from None


async def queue(request: web.Request) -> web.Response:
    """`GET /api/v1/queue/status/`: what runs, and what waits in the order in which it will run."""
    db = request.app[SERVICES].db
    limit = whole(request.query, "limit", QUEUE_SHOWN, least=0, most=QUEUE_MOST)
    asker = identity(request)
    running, waiting = await tasks.running(db), await tasks.waiting(db, limit)
    length, capacity = await tasks.length(db), await tasks.capacity(db)
    data: dict[str, Any] = {
        "queue_length": length,
        "running_tasks": [
            {
                **_named(task, asker),
                "started_at": when(task.started),
                "created_at": when(task.created),
            }
            for task in running
        ],
        "queued_tasks": [
            {
                **_named(task, asker),
                "queue_position": task.place,
                "priority": task.priority,
                "queued_at": when(task.queued),
                "created_at": when(task.created),
            }
            for task in waiting
        ],
        "truncated": length > len(waiting),
        "capacity": capacity.slots,
        "estimated_wait_s": capacity.wait_s(length + 1),
    }
    return success(request, data)


def _named(task: Task, asker: Identity) -> dict[str, Any]:
    """Which task it is; what is private is only counted."""
    shown = task.seen_by(asker.owner)
    return {"task_id": task.id if shown else None, "purl": task.purl if shown else None}


async def timeouts(request: web.Request) -> web.Response:
    """`GET /api/v1/timeout/status/`: what runs, and how much time it has left."""
    return success(request, await _timeouts(request))


async def sweep(request: web.Request) -> web.Response:
    """`POST /api/v1/timeout/check/`: end what is past its deadline, now."""
    await request.app[SERVICES].packages.sweep()
    return success(request, {"message": "Timeout check completed", "status": await _timeouts(request)})


async def _timeouts(request: web.Request) -> dict[str, Any]:
    asker = identity(request)
    running = await tasks.running(request.app[SERVICES].db)
    return {
        "running_tasks": len(running),
        "timed_out_tasks": sum(task.late for task in running),
        "tasks": [
            {
                **_named(task, asker),
                "started_at": when(task.started),
                "timeout_minutes": minutes(task.timeout_s),
                "remaining_minutes": remaining(task),
                "is_timed_out": task.late,
                "container_id": task.container,
                "container_running": task.container is not None,
            }
            for task in running
        ],
    }
