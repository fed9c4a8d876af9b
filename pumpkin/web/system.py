"""What operators and machines ask of a server: alive, ready, figures, and a time-stamp."""

from __future__ import annotations

import asyncio

from aiohttp import web

from pumpkin.errors import NotFound, PumpkinError
from pumpkin.store import checks
from pumpkin.web.envelope import plain
from pumpkin.web.guard import require
from pumpkin.web.limits import SMALL_BODY, body
from pumpkin.web.services import SERVICES

READY_S = 2.0
QUERY_TYPE = "application/timestamp-query"
REPLY_TYPE = "application/timestamp-reply"


class UnsupportedMedia(PumpkinError):
    """The body is not of a type this address takes."""

    status = 415
    code = "unsupported_media_type"


async def health(_: web.Request) -> web.Response:
    """`GET /health`: the process serves."""
    return plain({"status": "ok"})


async def ready(request: web.Request) -> web.Response:
    """`GET /ready`: 200 when checks are taken in, else 503 naming the parts that are not there."""
    services = request.app[SERVICES]
    missing = list(services.ready())
    try:
        await asyncio.wait_for(checks.size(services.db), READY_S)
    except (PumpkinError, TimeoutError, OSError):
        missing.append("database")
    if missing:
        return plain({"status": "not ready", "missing": sorted(set(missing))}, 503)
    return plain({"status": "ready"})


async def metrics(request: web.Request) -> web.Response:
    """`GET /metrics`: figures in Prometheus's text form; docs name each."""
    require(request, "metrics")
    from pumpkin.web.figures import exposition  # 1 MB for those who scrape

    return web.Response(
        body=await exposition(request.app), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
    )


async def stamp(request: web.Request) -> web.Response:
    """`POST /tsa`: RFC 3161 over HTTP (section 3.4) by the local authority; a refusal is a 200 with its failure."""
    respond = request.app[SERVICES].tsa_respond
    if respond is None:
        raise NotFound("No authority of its own runs on this server.")
    if request.content_type != QUERY_TYPE:
        raise UnsupportedMedia(f"A time-stamp request is {QUERY_TYPE}.")
    query = await body(request, SMALL_BODY)
    return web.Response(body=respond(query), content_type=REPLY_TYPE)


async def root(request: web.Request) -> web.Response:
    """`GET /tsa/root.pem`: the local authority's root; a verifier had better get it elsewhere."""
    pem = request.app[SERVICES].tsa_root_pem
    if not pem:
        raise NotFound("No authority of its own runs on this server.")
    return web.Response(body=pem.encode(), content_type="application/x-pem-file")
