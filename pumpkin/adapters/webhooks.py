"""Tells addresses that clients named that their analysis ended: to public HTTPS hosts and configured ones only."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Self

import aiohttp
import structlog
from yarl import URL

from pumpkin.adapters.registries.guard import Guard
from pumpkin.errors import RegistryRefused

TIMEOUT_S = 10.0
PAUSES_S = (0.0, 5.0, 30.0)
AT_ONCE = 8
WAITING_MOST = 1_000

log = structlog.get_logger("pumpkin.webhooks")


class Webhooks:
    """`allowed` are base addresses that may be told besides public ones; opened by `async with`. Nothing that a
    receiver does is an error here: it is tried three times, then left."""

    def __init__(self, allowed: Iterable[str] = (), pauses_s: tuple[float, ...] = PAUSES_S) -> None:
        self._guard = Guard(allowed)
        self._pauses_s = pauses_s
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._sending: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def tell(self, url: str, body: Mapping[str, Any]) -> None:
        """Send `body` as JSON by POST, behind whoever calls."""
        if len(self._sending) < WAITING_MOST:
            task = asyncio.get_running_loop().create_task(self._send(url, dict(body)))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send(self, url: str, body: dict[str, Any]) -> None:
        for pause_s in self._pauses_s:
            await asyncio.sleep(pause_s)
            try:
                async with self._turns, asyncio.timeout(TIMEOUT_S):
                    address = self._guard.check(URL(url))
                    async with self._opened().post(address, json=body, allow_redirects=False) as answer:
                        if answer.status < 300:
                            return
                        log.info("a webhook was refused", host=address.host, status=answer.status)
            except (RegistryRefused, ValueError):
                log.warning("a webhook goes where none may go", task=body.get("task_id"))
                return
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                log.info("a webhook failed", task=body.get("task_id"), why=type(error).__name__)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=self._guard, limit=AT_ONCE),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                headers={"User-Agent": "pumpkin"},
            )
        return self._session
