"""`POST /api/v1/agents/update`: probes are told to update themselves; `/api/v1/kits/<sha256>`: what they fetch then."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from pumpkin.errors import NotFound
from pumpkin.model.assignments import Targets, read_targets
from pumpkin.model.updates import offered
from pumpkin.store import updates
from pumpkin.web.bodies import parsed
from pumpkin.web.envelope import success
from pumpkin.web.guard import require
from pumpkin.web.services import SERVICES


class Told(BaseModel):
    """Whom to tell: `targets` in one way, as for a job."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    targets: dict[str, Any]


async def create(request: web.Request) -> web.Response:
    """`POST /api/v1/agents/update`: have probes update themselves to this server's version, by their signed orders."""
    asker = require(request, "agents:write")
    wanted = await parsed(request, Told)
    return success(request, await tell(request, read_targets(wanted.targets), asker.name))


async def tell(request: web.Request, targets: Targets, who: str) -> dict[str, Any]:
    """Tell those who are meant, and say who did; `{"version", "kits", "agents"}`."""
    services = request.app[SERVICES]
    version, kits = offered(await services.fleet.kits())
    return {"version": version, "kits": kits, "agents": await updates.tell(services.db, targets, version, kits, who)}


async def kit(request: web.Request) -> web.StreamResponse:
    """`GET /api/v1/kits/<sha256>`: a kit by its digest; agents fetch theirs with their account."""
    require(request, "checks:write")
    for one in await request.app[SERVICES].fleet.kits():
        if one.sha256 == request.match_info["sha256"]:
            return web.FileResponse(one.path, headers={"Content-Type": "application/gzip"})
    raise NotFound("There is no kit of this digest.")
