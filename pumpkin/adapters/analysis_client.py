"""A client of the package API: hands packages in, waits for them, brings their reports."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import aiohttp

from pumpkin.errors import PumpkinError, Unavailable

POLL_S = (0.1, 2.0)
TIMEOUT_S = 60.0


class Refused(PumpkinError):
    """The server refused the request."""

    code = "refused"


class AnalysisClient:
    """One server's package API with one key, opened by `async with`. Raises Refused in the server's own words, and
    Unavailable when it does not answer."""

    def __init__(self, url: str, key: str, *, trust: ssl.SSLContext | None = None) -> None:
        self._base = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"}
        self._trust = trust
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self._trust) if self._trust else None
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        self._session = aiohttp.ClientSession(
            self._base, headers=self._headers, timeout=timeout, connector=connector, trust_env=True
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def submit(self, purl: str, **more: Any) -> dict[str, Any]:
        """The task for a purl."""
        return await self._data("POST", "/api/v1/analyze/", json={"purl": purl, **more})

    async def submit_many(self, purls: Sequence[str], **more: Any) -> list[dict[str, Any]]:
        """The tasks of at most 1,000 purls, in their order; what was refused as an item with `code`."""
        found = await self._data("POST", "/api/v1/analyze/batch/", json={"purls": list(purls), **more})
        items: list[dict[str, Any]] = found["items"]
        return items

    async def upload(self, name: str, content: bytes, fields: Mapping[str, str]) -> dict[str, Any]:
        """The task for a local archive."""
        form = aiohttp.FormData()
        for key, value in fields.items():
            form.add_field(key, value)
        form.add_field("file", content, filename=name, content_type="application/octet-stream")
        return await self._data("POST", "/api/v1/upload/", data=form)

    async def wait(self, uuid: str, told: Callable[[Mapping[str, Any]], None] = lambda _: None) -> dict[str, Any]:
        """The task once it has ended; `told` at each change of its state."""
        pause, before = POLL_S[0], ""
        while True:
            task = await self._data("GET", f"/api/v1/task/{uuid}/")
            if task["status"] != before:
                before = task["status"]
                told(task)
            if before in ("completed", "failed"):
                return task
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, POLL_S[1])

    async def report(self, uuid: str) -> dict[str, Any] | None:
        """The report of a task; None where it has none."""
        try:
            return await self._asked("GET", f"/api/v1/task/{uuid}/report/")
        except Refused as error:
            if error.fields and error.fields.get("code") == "report_not_found":
                return None
            raise

    async def _data(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        found: dict[str, Any] = (await self._asked(method, path, **more))["data"]
        return found

    async def _asked(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        assert self._session is not None
        try:
            async with self._session.request(method, path, **more) as answer:
                body = await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Unavailable(f"The server at {self._base} does not answer ({type(error).__name__}).") from error
        if not isinstance(body, dict) or answer.status >= 400:
            said = body if isinstance(body, dict) else {}
            message = str(said.get("message") or f"HTTP status {answer.status}")
            raise Refused(message, fields={"code": str(said.get("code", ""))})
        return body
