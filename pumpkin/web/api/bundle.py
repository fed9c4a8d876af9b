"""Bundles: the portable proof of one check or of a range, as a zip file; and who stamps here.

contracts/evidence.md section 4.
"""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from pumpkin.errors import InvalidRequest, NotFound
from pumpkin.store import checks
from pumpkin.web.api.checks import check_id, moment
from pumpkin.web.envelope import success
from pumpkin.web.guard import require
from pumpkin.web.services import SERVICES

CHECKS_MOST = 1_000
PAYLOADS_MOST = 64 * 1024 * 1024


async def of_one(request: web.Request) -> web.Response:
    """`GET /api/v1/checks/<id>/bundle`: the portable proof of one check."""
    require(request, "checks:read")
    return await _bundle(request, [check_id(request)])


async def of_many(request: web.Request) -> web.Response:
    """`GET /api/v1/bundle`: the portable proof of several, by `ids` or by `since` and `until`."""
    require(request, "checks:read")
    query = request.query
    if "ids" in query:
        return await _bundle(request, _ids(query["ids"]))
    since, until = moment(query, "since"), moment(query, "until")
    if since is None and until is None:
        raise InvalidRequest("Name the checks by ids, or by since and until.", fields={"query.ids": "missing"})
    found, following = await checks.page(request.app[SERVICES].db, since=since, until=until, limit=CHECKS_MOST)
    if following is not None:
        raise InvalidRequest(f"More than {CHECKS_MOST} checks lie in that time; take it in parts.")
    return await _bundle(request, [check.id for check in found])


def _ids(text: str) -> list[UUID]:
    given = [part.strip() for part in text.split(",") if part.strip()]
    if len(given) > CHECKS_MOST:
        raise InvalidRequest(f"A bundle holds at most {CHECKS_MOST} checks.")
    try:
        return list(dict.fromkeys(UUID(part) for part in given))
    except ValueError:
        raise InvalidRequest("ids holds something that is no UUID.", fields={"query.ids": "not a UUID"}) from None


async def _bundle(request: web.Request, ids: list[UUID]) -> web.Response:
    if not ids:
        raise NotFound("There is no check to bundle.")
    if await checks.weight(request.app[SERVICES].db, ids) > PAYLOADS_MOST:
        raise InvalidRequest(f"A bundle holds at most {PAYLOADS_MOST >> 20} MiB of payloads; take it in parts.")
    name = str(ids[0]) if len(ids) == 1 else f"{len(ids)}-checks"
    headers = {"Content-Disposition": f'attachment; filename="pumpkin-{name}.zip"'}
    content = await request.app[SERVICES].bundle(ids)
    return web.Response(body=content, content_type="application/zip", headers=headers)


async def authorities(request: web.Request) -> web.Response:
    """`GET /api/v1/authorities`: who stamps here, how they do, and whose word it is."""
    require(request, "checks:read")
    services = request.app[SERVICES]
    return success(request, {"items": services.authorities(), "stamping": services.stamping()})
