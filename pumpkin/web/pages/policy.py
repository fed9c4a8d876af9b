"""What browsers report of our pages' Content-Security-Policy: nothing, unless a page is wrong or somebody tries."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

import structlog
from aiohttp import web

from pumpkin.web.limits import body

LIMIT = 16 * 1024
KEPT = 100
REPORTS = web.AppKey("policy_reports", deque[dict[str, str]])
_NAMED = ("document-uri", "effective-directive", "violated-directive", "blocked-uri", "source-file", "line-number")
_log = structlog.get_logger("web")


def setup(app: web.Application) -> None:
    """Register the address the policy names."""
    app[REPORTS] = deque(maxlen=KEPT)
    app.router.add_post("/csp-report", take)


async def take(request: web.Request) -> web.Response:
    """Note a report, at most the last hundred; what is none is let go of."""
    try:
        given: Any = json.loads(await body(request, LIMIT))
    except (ValueError, RecursionError):
        given = None
    told = given.get("csp-report") if isinstance(given, dict) else None
    if isinstance(told, dict):
        found = {name: str(told[name])[:300] for name in _NAMED if name in told}
        if len(request.app[REPORTS]) < KEPT:
            _log.warning("a page broke its policy", **{name.replace("-", "_"): value for name, value in found.items()})
        request.app[REPORTS].append(found)
    return web.Response(status=204)
