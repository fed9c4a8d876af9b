"""Nothing is changed over the web without a record of who did it: the audit trail's net below all handlers.

Handlers note their acts themselves, with what only they know. Where one has noted nothing, the act stands in the trail
by its route; a route that is to leave none is named here, with the reason.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from pumpkin.errors import PumpkinError
from pumpkin.store import audit
from pumpkin.web.guard import identity
from pumpkin.web.limits import address
from pumpkin.web.services import SERVICES

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_log = structlog.get_logger("web")

QUIET = {
    "/api/v1/checks": "what comes in is a record of the log, with its sender",
    "/items": "the same",
    "/TimeStampTokens": "the same",
    "/tsa": "answers anyone, changes nothing",
    "/api/v1/timeout/check": "answers anyone; what has lapsed ends by itself",
    "/api/v1/agents/ask": "a probe's question to others; the answer is a check",
    "/api/v1/analyze": "the task names its owner and time, and its report is a check",
    "/api/v1/analyze/batch": "the same",
    "/api/v1/upload": "the same",
    "/upload_sample": "the same",
    "/packages": "the same",
    "/packages/upload": "the same",
    "/login": "who came in, and who was refused, is noted there",
    "/login/code": "the same",
    "/csp-report": "a browser's complaint, by anyone",
}
"""Changing routes without a record of their own, and why."""

NAMES = {
    "/api/v1/task/{id}": "task.cancel",
    "/packages/tasks/{id}/cancel": "task.cancel",
    "/api/v1/rules/reload": "rules.reload",
    "/alerts/rules/reload": "rules.reload",
    "/api/v1/reports/{id}/rescore": "report.rescore",
    "/packages/reports/{id}/rescore": "report.rescore",
    "/checks/searches": "search.keep",
    "/logout": "logout",
}
"""What the acts are called whose handlers note nothing; others go by method and route."""


async def noted(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What the handler answers; an act that succeeded and was not noted is, under whoever asked."""
    if request.method in _SAFE or request.match_info.http_exception is not None:
        return await handler(request)
    route = _route(request)
    with audit.watched() as written:
        try:
            response = await handler(request)
        except web.HTTPException as answer:
            if answer.status < 400 and not written() and route not in QUIET:
                await _note(request, route)
            raise
        if response.status < 400 and not written() and route not in QUIET:
            await _note(request, route)
    return response


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return (resource.canonical.rstrip("/") or "/") if resource is not None else "?"


async def _note(request: web.Request, route: str) -> None:
    services = request.app[SERVICES]
    act = NAMES.get(route, f"{request.method.lower()} {route}")
    about = next(iter(request.match_info.values()), "")
    object = f"{act.partition('.')[0]}:{about}" if about and route in NAMES else request.path
    who = identity(request).name or f"address:{address(request, services.access.trusted)}"
    try:
        await audit.add(services.db, who=who, act=act, object=object[:300])
    except PumpkinError as error:  # it is done; the journal at least says by whom
        _log.warning("act not noted", who=who, act=act, object=object[:300], reason=error.message)
