"""The hourly limit on a request: counted once, told in headers whatever the answer becomes."""

from __future__ import annotations

from aiohttp import web

from pumpkin.errors import RateLimited
from pumpkin.store import rates
from pumpkin.store.rates import Allowance
from pumpkin.web.envelope import MORE_HEADERS
from pumpkin.web.guard import Identity
from pumpkin.web.services import SERVICES


async def meter(request: web.Request, asker: Identity, uses: int = 1) -> Allowance:
    """Count this request against its owner's hour; RateLimited when the hour is full. 0 uses only tell."""
    allowance = await rates.take(request.app[SERVICES].db, asker.owner, asker.rate, uses=uses)
    tell(request, allowance)
    return allowance


def tell(request: web.Request, allowance: Allowance) -> None:
    """Have the answer say what is left; RateLimited when this request does not pass."""
    request[MORE_HEADERS] = allowance.headers
    if not allowance.passed:
        raise RateLimited(f"Maximum {allowance.limit} requests per hour exceeded", retry_after=allowance.wait_s)
