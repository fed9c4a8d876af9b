"""The picture that a check's payload is, served as a picture and as nothing else."""

from __future__ import annotations

from aiohttp import web

from pumpkin.errors import NotFound
from pumpkin.web.api.checks import found_check
from pumpkin.web.pages.images import picture
from pumpkin.web.pages.payloads import unwrap
from pumpkin.web.pages.render import read

_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
"""Also where it is opened by itself: no script, no style, no frame, an origin of its own."""


def setup(app: web.Application) -> None:
    """Register the picture of a check."""
    app.router.add_get("/checks/{id}/picture", show)


@read("checks:read")
async def show(request: web.Request) -> web.Response:
    """The bytes under the type their own head names, which no browser may sniff another from (`nosniff`); NotFound for
    what is no picture or too large a one."""
    check = await found_check(request)
    data = check.payload or b""
    inner = unwrap(data)[0] if check.wire is not None else data
    found = picture(inner)
    if found is None or not found.fits:
        raise NotFound("This check holds no picture that can be shown.")
    headers = {
        "Content-Disposition": f'inline; filename="{check.id}.{found.kind.casefold()}"',
        "Content-Security-Policy": _POLICY,
    }
    return web.Response(body=inner, content_type=found.media, headers=headers)
