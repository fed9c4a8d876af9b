"""Tells an address that a client named that its analysis ended: to public HTTPS hosts and configured ones only."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Literal, Self

import aiohttp
import structlog
from yarl import URL

from pumpkin.adapters.registries.guard import Guard
from pumpkin.errors import RegistryRefused

TIMEOUT_S = 10.0
LOOKUP_S = 2.0
AT_ONCE = 8

Told = Literal["told", "failed", "forbidden"]
log = structlog.get_logger("pumpkin.webhooks")


class Webhooks:
    """`allowed` are base addresses that may be told besides public ones; opened by `async with`."""

    def __init__(self, allowed: Iterable[str] = (), *, timeout_s: float = TIMEOUT_S) -> None:
        self._guard = Guard(allowed)
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def tell(self, url: str, body: Mapping[str, Any], delivery: str = "") -> Told:
        """POST `body` as JSON. Nothing that a receiver does is an error here: anything but a 2xx in time, redirections
        too, is `failed` (try again); `forbidden` goes where none may go. `delivery` is the same at each try."""
        try:
            async with asyncio.timeout(self._timeout_s):
                address = self._guard.check(URL(url))
                headers = {"X-Pumpkin-Delivery": delivery} if delivery else {}
                async with self._opened().post(address, json=body, headers=headers, allow_redirects=False) as answer:
                    if answer.status < 300:
                        return "told"
                    log.info("a webhook was refused", host=address.host, status=answer.status)
        except (RegistryRefused, ValueError):
            log.warning("a webhook goes where none may go", task=body.get("task_id"))
            return "forbidden"
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            if isinstance(error.__cause__, RegistryRefused):
                return "forbidden"
            log.info("a webhook failed", task=body.get("task_id"), why=type(error).__name__)
        return "failed"

    async def welcome(self, url: str) -> bool:
        """Whether `url` may be told, as far as it can be said now: False for one that is not public HTTPS and none of
        the configured, or whose name stands for a private address. A name nobody knows (yet) may be told later."""
        try:
            address = self._guard.check(URL(url))
            async with asyncio.timeout(LOOKUP_S):
                await self._guard.resolve(address.host or "", address.port or 0)
        except (RegistryRefused, ValueError):
            return False
        except (OSError, TimeoutError):
            return True
        return True

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=self._guard, limit=AT_ONCE),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                headers={"User-Agent": "pumpkin"},
            )
        return self._session
