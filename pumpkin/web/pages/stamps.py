"""One stamp: what the authority's token says, the certificates behind it, and the files to keep or judge elsewhere."""

from __future__ import annotations

import asyncio

from aiohttp import web

from pumpkin.evidence import certificates
from pumpkin.store import proofs, renewals
from pumpkin.web.api import stamps
from pumpkin.web.pages.render import page, read
from pumpkin.web.services import SERVICES


def setup(app: web.Application) -> None:
    """Register `/proofs/stamps/{id}`."""
    app.router.add_get("/proofs/stamps/{id}", show)


@read("checks:read")
async def show(request: web.Request) -> web.Response:
    """The stamp with its token taken apart."""
    db = request.app[SERVICES].db
    stamp = await stamps.found(request)
    values = {
        "here": "proofs",
        "twin": f"/api/v1/stamps/{stamp.id}",
        "stamp": stamp,
        "told": await asyncio.to_thread(stamps.judged, stamp),
        "chain": certificates.read_all(stamp.chain),
        "checkpoint": await proofs.checkpoint(db, stamp.size),
        "renewals": await renewals.brief(db, [stamp.id]),
    }
    return page(request, "stamp.html", values)
