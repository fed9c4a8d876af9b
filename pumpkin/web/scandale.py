"""SCANDALE's routes, kept to the letter for its clients: `/items/`, `/TimeStampTokens/`, `/system/`.

contracts/evidence.md section 5; errors are FastAPI's `{"detail"}`.
"""

from __future__ import annotations

import asyncio
import json
import platform
from typing import Any
from uuid import UUID

from aiohttp import web

from pumpkin.errors import InvalidRequest, NotFound, Unavailable
from pumpkin.model import wire
from pumpkin.model.checks import Check
from pumpkin.store import checks, proofs
from pumpkin.web.api.checks import agent_of, urls, whole
from pumpkin.web.envelope import HEADERS, REQUEST_ID, plain
from pumpkin.web.guard import require, require_reading
from pumpkin.web.limits import BODY_LIMIT, body
from pumpkin.web.services import SERVICES

LIMIT_DEFAULT = 100
LIMIT_MOST = 1_000
SKIP_MOST = 2**53
PORTION = 8 * 1024 * 1024  # bytes of payload read and answered at a time


class ItemNotFound(NotFound):
    """Item not found"""


async def create_item(request: web.Request) -> web.Response:
    """`POST /items/`: stored durably before the answer, which gives back what came."""
    asker = require(request, "checks:write")
    data = await body(request, BODY_LIMIT)
    agent = agent_of(asker)
    observation = wire.from_scandale(wire.parse_json(data), agent=agent, newer=wire.may_be_newer(agent))
    receipt = await request.app[SERVICES].receive(observation)
    _, proof_url = urls(receipt.id)
    more = f'"id": "{receipt.id}", "seq": {receipt.seq}, "proof_url": "{proof_url}"'
    return web.Response(body=b'{"scan_data": %b, %b}' % (data, more.encode()), content_type="application/json")


async def items(request: web.Request) -> web.StreamResponse:
    """`GET /items/`: in insertion order, 100 unless `limit` says else; `q` equals payload.raw."""
    services = request.app[SERVICES]
    require_reading(request, services.access)
    skip, limit = page_of(request)
    wanted = request.query.get("q") or None
    portions = await checks.portions(services.db, skip, limit, PORTION) if wanted is None else [(skip, limit)]
    if len(portions) > 1:
        return await _stream(request, portions)
    found = await checks.items(services.db, *portions[0], wanted) if portions else []
    return plain([{"scan_data": wire.to_item(check)} for check in found])


async def _stream(request: web.Request, portions: list[tuple[int, int]]) -> web.StreamResponse:
    """A long list piece by piece: a thousand results of 10 MiB would not fit in memory together."""
    response = web.StreamResponse(headers={**HEADERS["scandale"], "X-Request-ID": request[REQUEST_ID]})
    response.content_type = "application/json"
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    opening = b"["
    for skip, limit in portions:
        try:
            found = await checks.items(request.app[SERVICES].db, skip, limit)
        except Unavailable:
            if request.transport is not None:
                request.transport.abort()  # half a list is none: the client sees a broken answer, not a short one
            return response
        text = await asyncio.to_thread(json.dumps, [{"scan_data": wire.to_item(check)} for check in found])
        await response.write(opening + text.encode()[1:-1])
        opening = b", "
    await response.write(b"]")
    return response


async def item(request: web.Request) -> web.Response:
    """`GET /items/<id>`: by uuid, or by its place in the log."""
    services = request.app[SERVICES]
    require_reading(request, services.access)
    check = await _find(request, request.match_info["id"])
    if check is None:
        raise ItemNotFound
    return plain({"scan_data": wire.to_item(check)})


async def _find(request: web.Request, given: str) -> Check | None:
    db = request.app[SERVICES].db
    if given.isascii() and given.removeprefix("-").isdigit() and len(given) < 30:
        place = int(given)
        return await checks.by_seq(db, place) if 0 <= place < SKIP_MOST else None
    return await checks.get(db, uuid_of(given, "path.item_id"))


def uuid_of(given: str, where: str) -> UUID:
    """The UUID in `given`; InvalidRequest (422 here) naming `where` for anything else."""
    try:
        return UUID(given)
    except ValueError:
        raise InvalidRequest("not a valid uuid", fields={where: "is not a UUID"}) from None


def page_of(request: web.Request) -> tuple[int, int]:
    """`skip` and `limit` of a list."""
    skip = whole(request.query, "skip", 0, least=0, most=SKIP_MOST)
    return skip, whole(request.query, "limit", LIMIT_DEFAULT, least=0, most=LIMIT_MOST)


async def stats(request: web.Request) -> web.Response:
    """`GET /system/stats/`: how many checks, and how many of them have a token."""
    services = request.app[SERVICES]
    require_reading(request, services.access)
    scans = await checks.size(services.db)
    return plain({"dbsize": {"scans": scans, "tst": await proofs.stamped(services.db)}})


async def info(request: web.Request) -> web.Response:
    """`GET /system/info/`: what runs here."""
    services = request.app[SERVICES]
    require_reading(request, services.access)
    shown: dict[str, Any] = {
        "python_version": platform.python_version(),
        "version": services.version,
        "version_url": str(request.url.origin() / "docs"),
    }
    return plain(shown)
