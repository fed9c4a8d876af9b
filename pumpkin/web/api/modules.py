"""`/api/v1/modules`: what is handed to other systems, how far it is, what was refused, and what may be done about
it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from pumpkin.errors import InvalidRequest, NotFound
from pumpkin.store import audit, deliveries
from pumpkin.web import modules as rooms
from pumpkin.web.envelope import success
from pumpkin.web.guard import identity, require, require_csrf
from pumpkin.web.services import SERVICES, Services

LIMIT = 200
SCOPE = "modules:write"


async def index(request: web.Request) -> web.Response:
    """`GET /api/v1/modules`: every module with its state, its queue and its counts."""
    require(request, "checks:read")
    services = request.app[SERVICES]
    return success(request, {"items": await rooms.every(services.db, services.modules)})


async def show(request: web.Request) -> web.Response:
    """`GET /api/v1/modules/<name>`: one module, and its newest tries."""
    require(request, "checks:read")
    services, name = request.app[SERVICES], request.match_info["name"]
    found = await rooms.one(services.db, services.modules, name)
    tries = [rooms.try_json(one) for one in await deliveries.tries(services.db, name)]
    return success(request, {**found, "tries": tries})


async def dead(request: web.Request) -> web.Response:
    """`GET /api/v1/modules/<name>/dead`: what its target refused for good, the newest first."""
    require(request, "checks:read")
    services, name = request.app[SERVICES], request.match_info["name"]
    await rooms.one(services.db, services.modules, name)
    limit, before = _whole(request, "limit", LIMIT) or 50, _whole(request, "cursor", 2**62)
    found = await deliveries.dead(services.db, name, before=before, limit=limit)
    after = str(found[-1].id) if len(found) == limit else None
    return success(request, {"items": [rooms.letter_json(one) for one in found], "next": after})


async def retry(request: web.Request) -> web.Response:
    """`POST /api/v1/modules/<name>/retry`: try now what waits, and every dead letter once more."""
    return await _done(request, lambda services, name: retried(services, name, None, identity(request).name))


async def pause(request: web.Request) -> web.Response:
    """`POST /api/v1/modules/<name>/pause`: stop delivering; what comes waits."""
    return await _done(request, lambda services, name: paused(services, name, True, identity(request).name))


async def resume(request: web.Request) -> web.Response:
    """`POST /api/v1/modules/<name>/resume`: go on where it stood."""
    return await _done(request, lambda services, name: paused(services, name, False, identity(request).name))


async def test(request: web.Request) -> web.Response:
    """`POST /api/v1/modules/<name>/test`: hand it one test item, now and past its queue."""
    return await _done(request, lambda services, name: tested(services, name, identity(request).name))


async def retry_one(request: web.Request) -> web.Response:
    """`POST /api/v1/modules/<name>/dead/<id>/retry`: try one dead letter once more."""
    return await _done(
        request, lambda services, name: retried(services, name, _number(request), identity(request).name)
    )


async def discard(request: web.Request) -> web.Response:
    """`POST /api/v1/modules/<name>/dead/<id>/discard`: let go of one dead letter."""
    return await _done(
        request, lambda services, name: discarded(services, name, _number(request), identity(request).name)
    )


# -- what the page does, too


async def retried(services: Services, name: str, number: int | None, who: str) -> dict[str, Any]:
    """Have one dead letter (all of them with None) tried again; NotFound when there is no such."""
    count = await deliveries.retry(services.db, name, number)
    if number is not None and not count:
        raise NotFound("There is no such dead letter; it may have been delivered by now.")
    detail = {"letters": count} if number is None else {"letter": number}
    await audit.add(services.db, who=who, act="module.retried", object=f"module:{name}", detail=detail)
    return {"retried": count}


async def discarded(services: Services, name: str, number: int, who: str) -> dict[str, Any]:
    """Drop a dead letter; what it was stands in the audit trail."""
    letter = await deliveries.dead_one(services.db, name, number)
    if letter is None or not await deliveries.discard(services.db, name, number):
        raise NotFound("There is no such dead letter; it may have been delivered by now.")
    detail = {"letter": number, "subject": letter.subject, "reason": letter.reason, "delivery": str(letter.delivery)}
    await audit.add(services.db, who=who, act="module.discarded", object=f"module:{name}", detail=detail)
    return {"discarded": number}


async def paused(services: Services, name: str, wanted: bool, who: str) -> dict[str, Any]:
    """Stop or go on."""
    if not await deliveries.pause(services.db, name, paused=wanted):
        raise NotFound("There is no module of this name.")
    act = "module.paused" if wanted else "module.resumed"
    await audit.add(services.db, who=who, act=act, object=f"module:{name}")
    return {"paused": wanted}


async def tested(services: Services, name: str, who: str) -> dict[str, Any]:
    """What came of a test item."""
    came = await services.modules.trial(name)
    await audit.add(services.db, who=who, act="module.tested", object=f"module:{name}", detail={"ok": came["ok"]})
    return came


async def _done(request: web.Request, act: Callable[[Services, str], Awaitable[dict[str, Any]]]) -> web.Response:
    require(request, SCOPE)
    require_csrf(request, None)
    services, name = request.app[SERVICES], request.match_info["name"]
    await rooms.one(services.db, services.modules, name)
    return success(request, await act(services, name))


def _number(request: web.Request) -> int:
    text = request.match_info["id"]
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise NotFound("There is no such dead letter.")
    return int(text)


def _whole(request: web.Request, name: str, most: int) -> int | None:
    text = request.query.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18 and 1 <= int(text) <= most):
        raise InvalidRequest(f"{name} is a whole number from 1 to {most}.", fields={name: "not such a number"})
    return int(text)
