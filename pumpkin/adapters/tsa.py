"""Ask a time-stamping authority over HTTP (RFC 3161 section 3.4), under one total deadline.

A stranger's server may hang, drip, flood, redirect or answer with something else: each ends in a typed error within the
deadline and with a bounded amount read, so that the caller marks the authority and goes on. What the answer says is
not judged here; see `pumpkin.evidence.tsp.verify`.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Self

import aiohttp

from pumpkin.errors import TsaError, TsaTimeout, TsaTooLarge
from pumpkin.evidence.authority import Authority, Clock, system_clock

MAX_RESPONSE_BYTES = 64 * 1024
_QUERY = "application/timestamp-query"
_REPLY = ("application/timestamp-reply", "application/timestamp-response")


class TsaClient:
    """One authority at one address. Open it with `async with`; it keeps a connection between asks."""

    def __init__(
        self,
        url: str,
        timeout: float = 5.0,
        *,
        max_bytes: int = MAX_RESPONSE_BYTES,
        auth: tuple[str, str] | None = None,
        ca_file: str | None = None,
    ) -> None:
        """`timeout` is the deadline of a whole ask in seconds; `auth` user and password for HTTP Basic; `ca_file` PEM
        to trust for https instead of the system's."""
        self.url = url
        self.timeout = timeout
        self._max_bytes = max_bytes
        self._auth = aiohttp.BasicAuth(*auth) if auth else None
        self._ca_file = ca_file
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        session, self._session = self._session, None
        if session:
            await session.close()

    async def ask(self, query: bytes) -> bytes:
        """The body of the answer to a DER TimeStampReq. Raises TsaTimeout, TsaTooLarge, or TsaError for every other
        failure of the exchange; its `pause` is the seconds the authority asked to be left alone, or None."""
        try:
            async with asyncio.timeout(self.timeout):
                return await self._exchange(query)
        except TimeoutError as error:
            raise TsaTimeout(f"no whole answer within {self.timeout:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise TsaError(f"the exchange failed: {type(error).__name__}: {error!s:.200}") from error

    async def _exchange(self, query: bytes) -> bytes:
        if self._session is None:
            self._session = self._open()
        async with self._session.post(self.url, data=query, allow_redirects=False) as response:
            if response.status != 200:
                raise TsaError(f"HTTP status {response.status}", retry_after=_retry_after(response))
            if response.content_type not in _REPLY:
                raise TsaError(f"the answer is {response.content_type:.80}, not {_REPLY[0]}")
            if (response.content_length or 0) > self._max_bytes:
                raise TsaTooLarge(f"{response.content_length} bytes announced")
            return await self._body(response)

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._max_bytes:
                raise TsaTooLarge(f"more than {self._max_bytes} bytes")
        return bytes(body)

    def _open(self) -> aiohttp.ClientSession:
        trust = ssl.create_default_context(cafile=self._ca_file) if self._ca_file else True
        return aiohttp.ClientSession(
            auth=self._auth,
            auto_decompress=False,
            connector=aiohttp.TCPConnector(limit=4, ssl=trust),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Content-Type": _QUERY, "Accept": _REPLY[0], "Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(total=None),
        )


class LocalTsa:
    """The installation's own authority, asked like any other."""

    def __init__(self, authority: Authority, *, clock: Clock = system_clock) -> None:
        self.authority = authority
        self.url = "local"
        self._clock = clock

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Nothing is held."""

    async def ask(self, query: bytes) -> bytes:
        """DER of the TimeStampResp; about 70 microseconds, so it is done in place."""
        return self.authority.respond(query, clock=self._clock)


def _retry_after(response: aiohttp.ClientResponse) -> int | None:
    """Seconds, at most a day; the form with a date is left to the caller's own back-off."""
    text = response.headers.get("Retry-After", "")
    return min(int(text), 86_400) if text.isascii() and text.isdigit() and len(text) < 10 else None
