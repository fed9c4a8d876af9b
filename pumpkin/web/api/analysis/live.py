"""`GET /api/v1/task/<id>/events`: one analysis as it goes: its moves, and what its sandbox tells."""

from __future__ import annotations

from aiohttp import web

from pumpkin.bus import Event
from pumpkin.web.api.analysis.tasks import found
from pumpkin.web.api.events import serve
from pumpkin.web.guard import identity
from pumpkin.web.services import SERVICES

TOPICS = ("task.moved", "task.event", "report.ready")


async def events(request: web.Request) -> web.StreamResponse:
    """`GET /api/v1/task/<id>/events`: a websocket where one is asked for, else server-sent events."""
    task = await found(request)

    def ours(event: Event) -> bool:
        return isinstance(event.data, dict) and event.data.get("task_id") == task.id

    subscription = request.app[SERVICES].bus.subscribe(TOPICS)
    return await serve(request, subscription, False, same_site=identity(request).kind != "key", wanted=ours)
