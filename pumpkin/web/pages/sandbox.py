"""The engines that packages are run on, and what is in the way when none can be."""

from __future__ import annotations

from aiohttp import web

from pumpkin.web.pages.render import page, read
from pumpkin.web.services import SERVICES


def setup(app: web.Application) -> None:
    """Register `/sandbox`."""
    app.router.add_get("/sandbox", show)


@read("checks:read")
async def show(request: web.Request) -> web.Response:
    """Each engine with its slots, image and trouble."""
    values = {"here": "sandbox", "twin": "/api/v1/sandbox", "sandbox": request.app[SERVICES].sandbox()}
    return page(request, "sandbox.html", values)
