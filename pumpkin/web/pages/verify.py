"""The page that verifies a bundle in the reader's own browser; anyone may open it, and it is sent nothing."""

from __future__ import annotations

from aiohttp import web

from pumpkin.web.pages.render import page


def setup(app: web.Application) -> None:
    """Register `/verify`."""
    app.router.add_get("/verify", show)


async def show(request: web.Request) -> web.Response:
    """The form and its scripts."""
    return page(request, "verify.html", {"here": "verify"})
