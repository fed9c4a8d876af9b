"""`/api/v1/sandbox`: where packages are run, and how the engines are."""

from __future__ import annotations

from aiohttp import web

from pumpkin.web.envelope import success
from pumpkin.web.guard import require
from pumpkin.web.services import SERVICES


async def show(request: web.Request) -> web.Response:
    """`GET /api/v1/sandbox`: why no package can be run now (empty when one can), and each engine."""
    require(request, "checks:read")
    return success(request, request.app[SERVICES].sandbox())
